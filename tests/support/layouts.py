"""The bytes of the replies, for devices that a test plays."""

from tools.link.messages import Statistics
from tools.link.schema import Answer, FrameAnswer, Hello, layout

HELLO, ANSWER, STATISTICS = layout(Hello), layout(Answer), layout(Statistics)
FRAME_ANSWER = layout(FrameAnswer)
