"""What answers at a port is named: our firmware, another one, a bootloader, nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial

from tests.support import exported
from tests.support.findings import CP210X, by_check, put_holder
from tests.support.link import PtyHost
from tests.support.serial_cases import IDENTITY, WEIGHTS, Firmware, Rom, says
from tools.doctor import talk as doctor_talk
from tools.doctor.doctor import exit_code
from tools.doctor.finding import NOTE, OK, PROBLEM
from tools.doctor.ports import Found, examine_ports
from tools.doctor.talk import Line, talk


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Put something on a PTY; seconds of patience become tenths."""
    patience = {"PATIENCE_S": 0.4, "QUICK_S": 0.08, "BOOT_S": 0.15, "SYNC_S": 0.15}
    for name, seconds in patience.items():
        monkeypatch.setattr(doctor_talk, name, seconds)
    hosts = []

    def make(answer: Callable[[bytes], bytes], greeting: bytes = b"") -> str:
        host = PtyHost(answer, greeting)
        if isinstance(answer, Firmware):
            answer.host = host
        hosts.append(host)
        return host.port

    yield make
    for host in hosts:
        host.close()


@pytest.fixture
def exported_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    (tmp_path / "v2").mkdir()
    exported.write(tmp_path / "v2", weights_hash=WEIGHTS, identity_crc=IDENTITY)


def test_our_firmware_with_our_weights_is_all_right(hang, exported_here):
    findings = talk(hang(Firmware()))
    assert {finding.level for finding in findings} == {OK}
    found = by_check(findings)
    assert "v2" in found["firmware"].text and WEIGHTS[:16] in found["firmware"].text
    assert "power on" in found["health"].text


def test_another_model_is_named_by_both_identities(hang, exported_here):
    weights = by_check(talk(hang(Firmware(identity=0x6B6B0007))))["weights"]
    assert weights.level == PROBLEM and "make flash" in weights.cure
    assert "6b6b0007" in weights.text and "5eed0007" in weights.text


def test_a_model_that_is_not_exported_here_cannot_be_compared(hang, exported_here):
    weights = by_check(talk(hang(Firmware(model="v1"))))["weights"]
    assert weights.level == NOTE and "make export MODEL=v1" in weights.cure


def test_an_unknown_model_is_said(hang, exported_here):
    weights = by_check(talk(hang(Firmware(model="v99"))))["weights"]
    assert weights.level == PROBLEM and "v99" in weights.text


@pytest.mark.parametrize(("reason", "word"), [(3, "panic"), (5, "brownout")])
def test_a_bad_last_reset_is_noted(hang, exported_here, reason, word):
    firmware = Firmware()
    firmware.reason = reason
    health = by_check(talk(hang(firmware)))["health"]
    assert health.level == NOTE and word in health.text and health.cure


def test_a_reset_of_an_unknown_kind_is_no_brownout(hang, exported_here):
    firmware = Firmware()
    firmware.reason = 200
    health = by_check(talk(hang(firmware)))["health"]
    assert (health.level, health.cure) == (OK, "")
    assert "last reset: unknown" in health.text


def test_another_baud_rate_is_found(hang, exported_here):
    firmware = Firmware()
    firmware.baud = 921600
    found = by_check(talk(hang(firmware)))
    assert found["baud"].level == PROBLEM and "921600" in found["baud"].text
    assert found["weights"].level == OK


def test_a_silent_bootloader_is_found_by_asking_it(hang):
    (finding,) = talk(hang(Rom()))
    assert finding.check == "bootloader" and "BOOT" in finding.cure


ROM = b"rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0))\r\nwaiting for download"


@pytest.mark.parametrize(
    ("text", "check", "said"),
    [
        (b"", "answer", "never answers"),
        (ROM, "bootloader", "waiting for download"),
        (b"MicroPython v1.22 on ESP32\r\n>>> ", "firmware", "another firmware"),
        (b"invalid header: 0xffffffff\r\n" * 3, "firmware", "holds no firmware"),
        (b"\r\nBrownout detector was triggered\r\n", "supply", "brownout"),
        (
            b"Guru Meditation Error: Core 0 panic'ed (LoadProhibited)",
            "firmware",
            "Guru",
        ),
        (bytes(range(128, 256)) * 2, "answer", "noise"),
    ],
    ids=["silence", "bootloader", "other", "empty", "brownout", "panic", "noise"],
)
def test_what_is_there_instead_of_our_firmware_is_named(hang, text, check, said):
    (finding,) = talk(hang(says(text), text))
    assert (finding.check, finding.level) == (check, PROBLEM)
    assert said in finding.text and finding.cure
    assert exit_code([finding]) == 3


def test_text_that_comes_only_after_a_reset_is_heard(hang):
    answers: list[bytes] = [b""]
    port = hang(lambda data: answers[0])

    class Resettable(Line):
        def pulse_reset(self) -> bool:
            answers[0] = b"ESP-ROM:esp32\r\nHello from a blinking LED\r\n"
            self.transport.write(b"?")
            return True

    (finding,) = talk(port, Resettable)
    assert "another firmware" in finding.text and "blinking LED" in finding.text


@pytest.mark.parametrize(
    ("after_us", "deaf", "level", "said"),
    [
        (5_000, False, OK, "needs no button"),
        (9_900_000, False, NOTE, "does not reset"),
        (5_000, True, PROBLEM, "stays silent"),
    ],
)
def test_reset_by_rts_is_tried(hang, exported_here, after_us, deaf, level, said):
    firmware = Firmware()
    port = hang(firmware)

    class Resettable(Line):
        def pulse_reset(self) -> bool:
            firmware.uptime_us, firmware.deaf = after_us, deaf
            return True

    reset = by_check(talk(port, Resettable))["reset"]
    assert reset.level == level and said in reset.text


def test_a_pty_has_no_reset_line(hang, exported_here):
    assert "reset" not in by_check(talk(hang(Firmware())))


def test_a_port_locked_by_another_program_is_one_finding(hang):
    port = hang(says(b""))
    with serial.Serial(port, exclusive=True):
        (finding,) = talk(port)
    assert finding.level == PROBLEM and "busy" in finding.text


def test_an_emulator_holds_its_own_pty_and_is_still_asked(
    where, tmp_path, hang, exported_here
):
    port = hang(Firmware())
    put_holder(tmp_path, 4242, "python", Path(port))
    found = by_check(examine_ports(where(), port, ask=True))
    assert found["busy"].level == NOTE and "python (pid 4242)" in found["busy"].text
    assert found["weights"].level == OK


def test_a_whole_port_is_examined_from_chip_to_weights(where, hang, exported_here):
    port = hang(Firmware())
    proc = Path("/proc")  # nobody else holds this PTY but this very process
    system = where(Found(port, *CP210X), proc=proc)
    findings = examine_ports(system, None, ask=True)
    checks = [finding.check for finding in findings]
    assert checks == ["chip", "rights", "busy", "firmware", "weights", "health"]
    assert exit_code(findings) == 0
