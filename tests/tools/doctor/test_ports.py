"""A port is found, named by its chip, and what keeps it from us is told."""

import pytest

from tests.support.findings import CH340, CP210X, by_check, put_holder
from tools.doctor import talk as doctor_talk
from tools.doctor.doctor import exit_code
from tools.doctor.finding import NOTE, OK, PROBLEM
from tools.doctor.ports import Found, examine_ports


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
