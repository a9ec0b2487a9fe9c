"""What a board says in place of an answer, and the cure that fits it."""

import pytest

from tools.link.silence import POWER, explain, panic_text

ROM = (
    b"ets Jul 29 2019 12:21:46\r\n\r\nrst:0x%x (%s),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
)


def resets(number: int, name: bytes, count: int = 4) -> bytes:
    return ROM % (number, name) * count


@pytest.mark.parametrize(
    "noise",
    [
        resets(0xF, b"BROWN_OUT_RST"),
        resets(0xF, b"RTCWDT_BROWN_OUT_RESET"),
        resets(0x1, b"POWERON_RESET"),
        resets(0x1, b"POWERON"),
        b"Brownout detector was triggered\r\n" + resets(0xC, b"SW_CPU_RESET", 1),
    ],
)
def test_a_power_fault_is_never_cured_by_flashing(noise: bytes) -> None:
    cause, cure = explain(noise)
    assert "supply" in cause or "power" in cause
    assert cure == POWER and "make flash" not in cure


@pytest.mark.parametrize(
    ("noise", "cause", "cure"),
    [
        (b"", "never answers", "check the cable"),
        (b"rst:0x10 (RTCWDT_RTC_RESET)\r\nflash read err, 1000\r\n", "flash", "GPIO12"),
        (b"invalid header: 0xffffffff\r\n" * 3, "no firmware", "make flash"),
        (b"invalid header: 0x00c0de00\r\n", "cannot read its flash", "worn out"),
        (b"csum err:0x9a!=0x5f\r\nets_main.c 371\r\n", "csum err:0x9a", "worn out"),
        (resets(0xC, b"SW_CPU_RESET"), "again and again (rst:0xc", "make doctor"),
        (b"waiting for download\r\n", "bootloader", "BOOT"),
        (b"Guru Meditation Error: Core 0 panic'ed\r\n", "crashed", "report"),
        (bytes(range(128, 256)), "noise (128 bytes", "baud"),
        (b"m-ready\r\n", "MLPerf", "make flash"),
        (b"Hello Arduino\r\n", "it says 'Hello Arduino'", "make flash"),
    ],
)
def test_each_sign_has_its_cause_and_cure(noise: bytes, cause: str, cure: str) -> None:
    told = explain(noise)
    assert cause in told[0]
    assert cure in told[1]


def test_a_devices_own_words_steer_no_terminal() -> None:
    said = b"Guru Meditation Error\x1b[2J\x1b]0;x\x07\r\n"
    assert panic_text(said) == r"Guru Meditation Error\x1b[2J\x1b]0;x\x07"
    assert "\x1b" not in explain(b"\x1b[31mhello there, this is text\r\n")[0]
