"""Each thing that can be wrong is found, named, and given its cure."""

import importlib.metadata
import io
import json
import os
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial

from tests.support.link import PtyHost
from tests.support.serial_cases import IDENTITY, WEIGHTS, Firmware, Rom, says
from tools.boards import pio
from tools.doctor import doctor
from tools.doctor import host as doctor_host
from tools.doctor import talk as doctor_talk
from tools.doctor.doctor import exit_code, show
from tools.doctor.finding import NOTE, OK, PROBLEM, Finding
from tools.doctor.ports import Found, Ports, examine_ports
from tools.doctor.talk import Line, talk

CP210X, CH340 = (0x10C4, 0xEA60), (0x1A86, 0x7523)


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


@pytest.fixture
def where(tmp_path: Path) -> Callable[..., Ports]:
    """A system with the given ports and nothing else."""

    def make(*ports: Found, **more) -> Ports:
        for name in ("usb", "tty", "proc"):
            (tmp_path / name).mkdir(exist_ok=True)
        folders = {name: tmp_path / name for name in ("usb", "tty", "proc")}
        folders["kernel"] = tmp_path / "version"
        return Ports(listed=lambda: ports, **{**folders, **more})

    return make


# ---- finding ports ----


def test_no_port_at_all_points_to_the_cable(where):
    (finding,) = examine_ports(where(), None, ask=True)
    assert finding.level == NOTE and "only charges" in finding.cure
    assert exit_code([finding]) == 0


def test_a_guest_of_windows_is_told_how_to_get_the_board(where, tmp_path):
    version = "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@x)"
    (tmp_path / "version").write_text(version)
    (finding,) = examine_ports(where(), None, ask=True)
    assert finding.level == NOTE and "Windows" in finding.text
    assert "usbipd bind --busid" in finding.cure
    assert "usbipd attach --wsl" in finding.cure


@pytest.mark.parametrize(
    ("numbers", "name"),
    [
        ((0x067B, 0x2303), "PL2303"),
        ((0x239A, 0x811B), "Adafruit native USB"),
        (CP210X, "CP210x"),
        (CH340, "CH340"),
        ((0x0403, 0x6001), "FTDI FT232R"),
        ((0x303A, 0x1001), "native USB of an ESP32-S3, C3 or C6"),
        ((0x303A, 0x4001), "Espressif native USB"),
    ],
)
def test_a_port_is_named_by_its_usb_chip(where, tmp_path, numbers, name):
    device = tmp_path / "ttyUSB0"
    device.touch()
    driver = tmp_path / "tty" / "ttyUSB0" / "device"
    driver.mkdir(parents=True)
    (driver / "driver").symlink_to("/sys/bus/usb-serial/drivers/some_driver")
    found = examine_ports(where(Found(str(device), *numbers)), None, ask=False)
    chip = by_check(found)["chip"]
    assert chip.level == OK and name in chip.text and "some_driver" in chip.text


def test_a_port_with_a_foreign_chip_is_not_talked_to(where, tmp_path, monkeypatch):
    device = tmp_path / "ttyACM0"
    device.touch()
    monkeypatch.setattr(doctor_talk, "talk", lambda port: pytest.fail("talked"))
    found = examine_ports(where(Found(str(device), 0x2341, 0x43)), None, ask=True)
    assert by_check(found)["chip"].level == NOTE


def test_a_port_that_does_not_exist_names_those_that_do(where):
    system = where(Found("/dev/ttyUSB7", *CP210X))
    (finding,) = examine_ports(system, "/dev/ttyNOPE", ask=True)
    assert finding.level == PROBLEM and "/dev/ttyUSB7" in finding.cure
    assert exit_code([finding]) == 3


@pytest.mark.parametrize(
    ("numbers", "driver"),
    [(CP210X, "cp210x"), (CP210X, "brltty"), (CH340, "brltty")]
    + [((0x067B, 0x23A3), "pl2303"), ((0x239A, 0x80C2), "cdc_acm")],
)
def test_a_board_without_its_driver_is_found_on_usb(where, tmp_path, numbers, driver):
    device = tmp_path / "usb" / "1-2"
    device.mkdir(parents=True)
    (device / "idVendor").write_text(f"{numbers[0]:04x}\n")
    (device / "idProduct").write_text(f"{numbers[1]:04x}\n")
    (finding,) = examine_ports(where(), None, ask=True)
    assert finding.check == "driver" and finding.level == PROBLEM
    assert driver in finding.cure


def test_a_port_without_permission_names_the_group(where, tmp_path):
    device = tmp_path / "ttyUSB0"
    device.touch(mode=0o660)
    system = where(Found(str(device), *CP210X), allowed=lambda path: False)
    found = by_check(examine_ports(system, None, ask=True))
    assert found["rights"].level == PROBLEM and "usermod -aG" in found["rights"].cure
    assert "busy" not in found and "firmware" not in found


def put_holder(folder: Path, pid: int, name: str, port: Path) -> None:
    (folder / "proc" / str(pid) / "fd").mkdir(parents=True)
    (folder / "proc" / str(pid) / "fd" / "3").symlink_to(port)
    (folder / "proc" / str(pid) / "comm").write_text(name + "\n")


@pytest.mark.parametrize(
    ("name", "cure"), [("minicom", "close that"), ("ModemManager", "systemctl stop")]
)
def test_a_busy_port_names_its_holder(where, tmp_path, name, cure):
    device = tmp_path / "ttyUSB0"
    device.touch()
    system = where(Found(str(device), *CP210X))
    put_holder(tmp_path, 4242, name, device)
    busy = by_check(examine_ports(system, None, ask=True))["busy"]
    assert busy.level == PROBLEM and f"{name} (pid 4242)" in busy.text
    assert cure in busy.cure


# ---- talking ----


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
    content = json.dumps({"weights_hash": WEIGHTS, "identity_crc": IDENTITY})
    (tmp_path / "v2" / "model.json").write_text(content)


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


def test_a_whole_port_from_chip_to_weights(where, hang, exported_here):
    port = hang(Firmware())
    proc = Path("/proc")  # nobody else holds this PTY but this very process
    system = where(Found(port, *CP210X), proc=proc)
    findings = examine_ports(system, None, ask=True)
    checks = [finding.check for finding in findings]
    assert checks == ["chip", "rights", "busy", "firmware", "weights", "health"]
    assert exit_code(findings) == 0


# ---- this computer ----


def test_packages_that_are_not_as_pinned_are_named(tmp_path):
    pins = tmp_path / "pyproject.toml"
    pins.write_text(
        "[project]\ndependencies = ['a==1', 'torch==2.13.0', 'b==2', 'c==3',"
        " \"d==4; sys_platform == 'beos'\"]"
    )

    def installed(name: str) -> str:
        if name == "c":
            raise importlib.metadata.PackageNotFoundError
        return {"a": "1", "torch": "2.13.0+cpu", "b": "2.1"}[name]

    finding = doctor_host.packages(pins, installed)
    assert finding.level == PROBLEM and finding.text == "b is 2.1, not 2; c is missing"
    assert "make setup" in finding.cure


@pytest.mark.parametrize(
    ("absent", "level", "package"),
    [
        ("xtensa-lx106-elf-gcc", PROBLEM, "gcc-xtensa-lx106"),
        ("llvm-mc-22", PROBLEM, "llvm-22"),
        ("qemu-system-xtensa", PROBLEM, "qemu-system-misc"),
        ("riscv64-unknown-elf-gcc", NOTE, "gcc-riscv64-unknown-elf"),
        ("gcc", PROBLEM, "gcc"),
    ],
)
def test_a_missing_compiler_names_its_package(tmp_path, absent, level, package):
    which = lambda tool: None if tool == absent else f"/usr/bin/{tool}"  # noqa: E731
    findings = doctor_host.compilers(which, tmp_path)
    bad = [finding for finding in findings if finding.level != OK]
    assert [finding.level for finding in bad] == [level]
    assert absent in bad[0].text and package in bad[0].cure.split()


def test_an_old_python_is_refused():
    assert doctor_host.python_version((3, 9, 2)).level == PROBLEM
    assert doctor_host.python_version((3, 11, 0)).level == OK


@pytest.mark.parametrize(("free", "level"), [(1e6, PROBLEM), (2e9, NOTE), (9e10, OK)])
def test_a_full_disk_is_found_before_anything_fails(monkeypatch, tmp_path, free, level):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda place: usage(1e12, 0, free))
    assert doctor_host.disk(tmp_path / "not" / "there").level == level


def test_an_unreachable_registry_is_a_note_with_a_way_round(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PLATFORMIO_CORE_DIR", raising=False)
    monkeypatch.setattr(pio, "registry_answers", lambda: False)
    offline = by_check(doctor_host.platformio(network=True))["espressif32"]
    assert offline.level == NOTE and "BOARD=virtual" in offline.cure
    (tmp_path / ".platformio" / "platforms" / "espressif32").mkdir(parents=True)
    there = by_check(doctor_host.platformio(network=True))["espressif32"]
    assert there.level == OK and "offline" in there.text


# ---- telling ----

FINDINGS = [
    Finding("a", OK, "fine"),
    Finding("b", NOTE, "so so", "look"),
    Finding("c", PROBLEM, "broken", "mend it", port="/dev/ttyUSB0"),
]


def test_every_problem_is_shown_with_its_cure():
    out = io.StringIO()
    show(FINDINGS, out)
    lines = out.getvalue().splitlines()
    assert lines[-1] == "one problem" and "/dev/ttyUSB0" in lines
    assert lines[lines.index("  !! broken") + 1] == "      cure: mend it"


def test_exit_codes_tell_devices_from_this_computer():
    assert exit_code(FINDINGS[:2]) == 0
    assert exit_code([Finding("c", PROBLEM, "broken")]) == 1
    assert exit_code([Finding("c", PROBLEM, "broken"), *FINDINGS]) == 3


def test_json_holds_every_finding(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["doctor", "--json", "--no-network", "--no-ask"])
    monkeypatch.setattr(doctor, "Ports", lambda: Ports(listed=lambda: ()))
    monkeypatch.setattr(doctor, "examine_host", lambda network: FINDINGS[:2])
    code = doctor.main()
    content = json.loads(capsys.readouterr().out)
    assert code == 0 and content["problems"] == 0
    keys = {"check", "level", "text", "cure", "topic", "port"}
    assert all(set(finding) == keys for finding in content["findings"])
    assert [f["check"] for f in content["findings"][:2]] == ["a", "b"]


def test_the_doctor_writes_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "build"))
    doctor_host.examine_host(network=False)
    assert not os.listdir(tmp_path)
