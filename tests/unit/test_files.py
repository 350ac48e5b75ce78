"""Files are complete or absent, and lines are read as the world writes them."""

import errno
import os
import stat
import subprocess
import sys
import threading

import pytest

from mt import files
from mt.errors import DataError
from mt.files import (
    atomic_directory,
    atomic_file,
    damaged_file,
    lock_directory,
    sha256,
    write_atomically,
    write_sums,
)
from mt.outputs import keep_whole_groups, open_output


class Stop(Exception):  # noqa: N818
    """Not an error: what ends a block early."""


def names(directory):
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def calls(monkeypatch):
    """Record what is flushed and what is renamed, in order."""
    recorded = []
    fsync, rename, replace = os.fsync, files.Path.rename, files.Path.replace

    def record_fsync(descriptor):
        recorded.append(("fsync", os.fstat(descriptor).st_ino))
        fsync(descriptor)

    def record_rename(self, target):
        recorded.append(("rename", self.stat().st_ino))
        return rename(self, target)

    def record_replace(self, target):
        recorded.append(("rename", self.stat().st_ino))
        return replace(self, target)

    monkeypatch.setattr(files.os, "fsync", record_fsync)
    monkeypatch.setattr(files.Path, "rename", record_rename)
    monkeypatch.setattr(files.Path, "replace", record_replace)
    return recorded


# Directories


def test_a_directory_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "bundle"
    with atomic_directory(path) as scratch:
        (scratch / "a").write_text("1")
        assert not path.exists()
    assert (path / "a").read_text() == "1"
    assert names(path.parent) == ["bundle"]


@pytest.mark.parametrize("stop", [Stop, KeyboardInterrupt])
def test_a_directory_stays_absent_when_the_block_fails(tmp_path, stop):
    with pytest.raises(stop), atomic_directory(tmp_path / "bundle") as scratch:
        (scratch / "a").write_text("1")
        raise stop
    assert names(tmp_path) == []


def test_a_directory_stays_as_it_was_when_the_block_fails(tmp_path):
    with atomic_directory(tmp_path / "bundle") as scratch:
        (scratch / "old").write_text("1")
    with pytest.raises(Stop), atomic_directory(tmp_path / "bundle") as scratch:
        (scratch / "new").write_text("2")
        raise Stop
    assert names(tmp_path) == ["bundle"]
    assert names(tmp_path / "bundle") == ["old"]


def test_a_directory_is_replaced_as_a_whole(tmp_path):
    for name in ["old", "new"]:
        with atomic_directory(tmp_path / "bundle") as scratch:
            (scratch / name).write_text(name)
    assert names(tmp_path) == ["bundle"]
    assert names(tmp_path / "bundle") == ["new"]


def test_all_of_a_directory_is_on_disk_before_its_name_is(tmp_path, calls):
    with atomic_directory(tmp_path / "bundle") as scratch:
        (scratch / "inner").mkdir()
        (scratch / "inner" / "file").write_text("1")
    path = tmp_path / "bundle"
    inodes = [entry.stat().st_ino for entry in (path, path / "inner", path / "inner" / "file")]
    renamed = calls.index(("rename", inodes[0]))
    assert {inode for _, inode in calls[:renamed]} >= set(inodes)
    assert calls[-1] == ("fsync", tmp_path.stat().st_ino)


def test_directories_have_ordinary_permissions(tmp_path):
    (tmp_path / "plain").mkdir()
    with atomic_directory(tmp_path / "bundle"):
        pass
    assert (tmp_path / "bundle").stat().st_mode == (tmp_path / "plain").stat().st_mode


# Files


def test_a_file_is_replaced_in_one_step(tmp_path, calls):
    path = tmp_path / "new" / "index.json"
    write_atomically(path, "größer\n")
    before = path.stat().st_ino
    write_atomically(path, "kleiner\n")
    after = path.stat().st_ino
    assert before != after
    assert path.read_bytes() == b"kleiner\n"
    assert names(path.parent) == ["index.json"]
    for inode in (before, after):
        assert calls.index(("fsync", inode)) < calls.index(("rename", inode))
    assert calls[-1] == ("fsync", path.parent.stat().st_ino)


def test_text_is_utf_8_with_unix_line_ends(tmp_path):
    write_atomically(tmp_path / "text", "ö\n")
    assert (tmp_path / "text").read_bytes() == b"\xc3\xb6\n"


@pytest.mark.parametrize("stop", [Stop, KeyboardInterrupt])
def test_a_file_stays_as_it_was_when_the_block_fails(tmp_path, stop):
    path = tmp_path / "index.json"
    path.write_text("old")
    with pytest.raises(stop), atomic_file(path) as scratch:
        scratch.write_text("ne")
        raise stop
    assert names(tmp_path) == ["index.json"]
    assert path.read_text() == "old"


def test_writers_at_the_same_time_do_not_meet(tmp_path):
    path = tmp_path / "index.json"
    with atomic_file(path) as first, atomic_file(path) as second:
        first.write_text("1")
        second.write_text("2")
    assert path.read_text() == "1"


def test_a_replaced_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o600)
    with atomic_file(path) as scratch:
        assert stat.S_IMODE(scratch.stat().st_mode) == 0o600  # from the first byte on
        scratch.write_text("new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "new"


@pytest.mark.parametrize("write", [atomic_file, atomic_directory, open_output])
def test_an_error_for_want_of_room_says_what_was_written(tmp_path, write):
    with pytest.raises(OSError, match="No space") as caught, write(tmp_path / "new"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(tmp_path / "new")
    assert names(tmp_path) == []


def test_a_directory_that_cannot_be_worked_in_is_named(tmp_path):
    file = tmp_path / "file"
    file.touch()
    for place in (file, file / "inside"):
        message = rf"^{place}: expected a directory to write in, but"
        with pytest.raises(DataError, match=message), lock_directory(place):
            pass


def test_sums_are_those_of_sha256sum(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "größer").write_bytes(b"")
    write_sums(tmp_path)
    subprocess.run(["sha256sum", "--check", "--strict", files.SUMS], cwd=tmp_path, check=True)
    assert damaged_file(tmp_path, ["a", "größer"]) is None


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda path: (path / "a").write_text("abd"), "a"),
        (lambda path: (path / "a").unlink(), "a"),
        (lambda path: (path / "b").write_text("without a checksum"), "b"),
        (lambda path: (path / files.SUMS).unlink(), files.SUMS),
        (lambda path: (path / files.SUMS).write_bytes(b"\xff"), files.SUMS),
        (lambda path: (path / files.SUMS).write_text(""), "a"),
        (lambda path: (path / files.SUMS).write_text(f"{sha256(path / 'a')}  ../a"), "../a"),
        (lambda path: ((path / "a").unlink(), os.mkfifo(path / "a")), "a"),
    ],
)
def test_a_damaged_file_is_found(tmp_path, damage, named):
    (tmp_path / "a").write_text("abc")
    write_sums(tmp_path)
    damage(tmp_path)
    assert damaged_file(tmp_path, ["a", "b"] if named == "b" else ["a"]) == named


def test_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(tmp_path / "abc") == expected


# Outputs


def test_an_output_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "out.txt"
    with open_output(path) as file:
        file.write("größer\n")
        assert not path.exists()
    assert names(tmp_path) == ["out.txt"]
    assert path.read_bytes() == "größer\n".encode()


def test_a_failing_block_leaves_the_old_output_and_keeps_what_was_written(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(Stop), open_output(path) as file:
        file.write("new\n")
        raise Stop
    assert path.read_text() == "old"
    assert (tmp_path / "out.txt.part").read_text() == "new\n"


def test_a_block_that_fails_before_it_wrote_leaves_nothing(tmp_path):
    with pytest.raises(Stop), open_output(tmp_path / "out.txt"):
        raise Stop
    assert names(tmp_path) == []


def test_what_a_killed_process_wrote_stays(tmp_path):
    path = tmp_path / "out.txt"
    program = (
        "import os, sys; from pathlib import Path; from mt.outputs import open_output\n"
        "with open_output(Path(sys.argv[1])) as file:\n"
        "    file.write('a line\\n'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert (tmp_path / "out.txt.part").read_text() == "a line\n"


def test_what_stands_under_a_name_already_is_left_alone(tmp_path, caplog):
    (tmp_path / "out.txt.part").write_text("of an interrupted run")
    (tmp_path / "out.txt.part2").write_text("mine")
    with pytest.raises(Stop), open_output(tmp_path / "out.txt") as file:
        file.write("new\n")
        raise Stop
    assert {name: (tmp_path / name).read_text() for name in names(tmp_path)} == {
        "out.txt.part": "of an interrupted run",
        "out.txt.part2": "mine",
        "out.txt.part3": "new\n",
    }
    assert "out.txt.part3" in caplog.text


def test_the_permissions_of_a_replaced_file_stay(tmp_path):
    path = tmp_path / "secret.txt"
    path.write_text("old")
    path.chmod(0o600)
    with open_output(path) as file:
        file.write("new")
        assert stat.S_IMODE((tmp_path / "secret.txt.part").stat().st_mode) == 0o600
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "new"


def test_two_processes_do_not_write_one_output(tmp_path):
    path = tmp_path / "out.txt"
    program = (
        "import sys; from pathlib import Path; from mt.outputs import open_output\n"
        "with open_output(Path(sys.argv[1])) as file:\n"
        "    file.write('first\\n'); print('open', flush=True); sys.stdin.readline()"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert first.stdout.readline() == "open\n"
    message = f"{path}: expected to be the only one.*another process is writing {path}.part"
    with pytest.raises(DataError, match=message), open_output(path):
        pytest.fail("the block began")
    first.communicate("go on\n")
    assert path.read_text() == "first\n"
    assert names(tmp_path) == ["out.txt"]


def test_an_output_in_a_folder_that_is_not_there_is_refused(tmp_path):
    path = tmp_path / "typo" / "out.txt"
    with pytest.raises(DataError, match="cannot be opened"), open_output(path):
        pytest.fail("the block began")
    assert names(tmp_path) == []


def test_an_output_follows_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "out.txt")
    for text in ["first", "second"]:
        with open_output(tmp_path / "link") as file:
            file.write(text)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "out.txt").read_text() == "second"


@pytest.mark.parametrize("place", ["", "file/out.txt"])
def test_an_output_that_cannot_be_opened_is_refused_before_the_block(tmp_path, place):
    (tmp_path / "file").touch()
    path = tmp_path / place
    message = f"{path}: expected a file to write, but.*check the path"
    with pytest.raises(DataError, match=message), open_output(path):
        pytest.fail("the block began")
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_an_output_to_a_pipe_is_written_as_it_is(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    received = []
    reader = threading.Thread(target=lambda: received.append(path.read_text()))
    reader.start()
    with open_output(path) as file:
        file.write("line\n")
    reader.join()
    assert received == ["line\n"]
    assert stat.S_ISFIFO(path.stat().st_mode)


def number_of(line):
    return line.partition("\t")[0]


@pytest.mark.parametrize(
    ("group", "groups", "expected"),
    [(None, 4, "1\tä\n1\tb\n2\tü\n2\tc\n"), (number_of, 1, "1\tä\n1\tb\n")],
)
@pytest.mark.parametrize("torn", [b"", b"2", b"2\t\xc3", "3\tß".encode()])
def test_what_is_whole_is_kept_and_written_on(tmp_path, group, groups, expected, torn):
    lines = "1\tä\n1\tb\n2\tü\n2\tc\n"
    (tmp_path / "out.part").write_bytes(lines.encode() + torn)
    with open_output(tmp_path / "out", resume=True) as file:
        assert keep_whole_groups(file, group) == groups
        file.write("5\té\n")
    assert (tmp_path / "out").read_text(encoding="utf-8") == f"{expected}5\té\n"
