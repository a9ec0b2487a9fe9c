"""What was found is told with its cure, and by the exit code."""

import io
import json
import os

from tools.doctor import doctor
from tools.doctor import host as doctor_host
from tools.doctor.doctor import exit_code, show
from tools.doctor.finding import NOTE, OK, PROBLEM, Finding
from tools.doctor.ports import Ports

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
