"""A report as a JUnit file, which test servers read."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from pyqsim.testing.conformance.run import Report
from pyqsim.whole_files import write_whole

__all__ = ["write_junit"]


def write_junit(path: Path, report: Report) -> None:
    """Write one test suite, one test case a section; an older file stays if that fails.

    Parameters
    ----------
    path : Path
    report : Report
    """
    failures = sum(section.failures > 0 for section in report.sections)
    suite = ElementTree.Element(
        "testsuite",
        name=f"pyqsim conform: {report.kernel}",
        tests=str(len(report.sections) + (report.error is not None)),
        failures=str(failures),
        errors=str(int(report.error is not None)),
        time=f"{report.seconds:.3f}",
    )
    for section in report.sections:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=report.kernel,
            name=section.name,
            time=f"{section.seconds:.3f}",
        )
        if section.failures:
            message = f"{section.different} of {section.outputs} outputs differ"
            failure = ElementTree.SubElement(case, "failure", message=message)
            failure.text = f"{report.counterexample}\nlikely cause: {report.verdict}"
    if report.error is not None:
        case = ElementTree.SubElement(suite, "testcase", classname=report.kernel, name="kernel")
        ElementTree.SubElement(case, "error", message=report.error)
    ElementTree.indent(suite)
    content = ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
    write_whole(path.parent, {path.name: content.encode()})
