"""Fetching from wheels made here, through the real pip, without a network."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
from toy_assets import toy, wheel

from affectus import assets
from affectus.assets import download, fetching
from affectus.assets.manifest import Source
from affectus.errors import AssetError, MissingDependency, OutputError, UnknownName

DATA = {"weights.bin": b"\x00\x01" * 5000, "config.json": b"{}"}
FIRST = Source(package="toy-weights", version="1.0", folder="toy/model")
SECOND = Source(package="toy-weights-again", version="2.0", folder="other")


def offered(index: Path, source: Source = FIRST, **changes: bytes) -> Path:
    members = {f"{source.folder}/{name}": data for name, data in {**DATA, **changes}.items()}
    return wheel(index, source.package, source.version, members)


def leftovers(cache: Path) -> list[str]:
    """What lies in the cache apart from locks."""
    return (
        sorted(p.relative_to(cache).as_posix() for p in cache.rglob("*") if p.suffix != ".lock")
        if cache.exists()
        else []
    )


def test_a_fetched_asset_is_whole_and_has_a_path(cache, pip_index, offer):
    offered(pip_index)
    offer(toy(DATA, [FIRST], entry="weights.bin", parts={"config": "config.json"}))
    steps = []
    (folder,) = assets.fetch("default", progress=lambda asset, step: steps.append(step))
    assert steps == ["downloading", "converting", "ready"]
    assert {p.name for p in folder.iterdir()} == {"weights.bin", "config.json", "asset.json"}
    assert assets.path("toy").read_bytes() == DATA["weights.bin"]
    assert assets.path("toy", "config").read_bytes() == b"{}"
    assert assets.verify() == ["toy"]
    assert [p for p in cache.rglob("*") if p.name.endswith(".part")] == []


def test_only_the_weight_files_are_taken_from_the_wheel(cache, index, offer):
    wheel(
        index,
        FIRST.package,
        FIRST.version,
        {f"toy/model/{n}": d for n, d in DATA.items()} | {"toy/setup_code.py": b"boom"},
    )
    offer(toy(DATA, [FIRST]))
    (folder,) = assets.fetch()
    assert not list(cache.rglob("*.py"))
    assert not list(cache.rglob("*.whl"))
    assert len(list(folder.iterdir())) == 3


def test_what_is_there_is_not_downloaded_again(cache, index, offer, monkeypatch):
    offered(index)
    offer(toy(DATA, [FIRST]))
    assets.fetch()
    monkeypatch.setattr(download, "from_source", lambda *a: pytest.fail("went online"))
    steps = []
    assets.fetch(progress=lambda asset, step: steps.append(step))
    assert steps == ["present"]


def test_a_damaged_file_is_found_and_replaced(cache, index, offer):
    offered(index)
    offer(toy(DATA, [FIRST], entry="weights.bin"))
    assets.fetch()
    target = assets.path("toy")
    target.write_bytes(b"\x07" + DATA["weights.bin"][1:])  # same size
    assert assets.listing()[0].state == "ready"  # sizes only
    with pytest.raises(AssetError, match=r"weights\.bin has SHA-256"):
        assets.verify("toy")
    target.write_bytes(DATA["weights.bin"][:-1])
    assert assets.listing()[0].state == "damaged"
    with pytest.raises(AssetError, match=r"has 9999 bytes instead of 10000.*affectus assets fetch toy"):
        assets.path("toy")
    target.unlink()
    with pytest.raises(AssetError, match=r"weights\.bin is missing"):
        assets.path("toy")
    assets.fetch()
    assert assets.path("toy").read_bytes() == DATA["weights.bin"]


def test_a_lost_record_counts_as_damage(cache, index, offer):
    offered(index)
    offer(toy(DATA, [FIRST]))
    (folder,) = assets.fetch()
    (folder / "asset.json").write_text("[]")
    with pytest.raises(AssetError, match=r"asset\.json"):
        assets.path("toy")
    assets.fetch()
    assert assets.verify("toy") == ["toy"]


def test_a_changed_record_does_not_hide_changed_weights(cache, index, offer):
    offered(index)
    offer(toy(DATA, [FIRST], entry="weights.bin"))
    (folder,) = assets.fetch()
    assets.path("toy").write_bytes(b"\x07" + DATA["weights.bin"][1:])
    assets.cache.write_record(assets.manifest.table()["toy"], folder)
    with pytest.raises(AssetError, match=r"weights\.bin has SHA-256"):
        assets.verify("toy")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights.bin": b"\x00\x02" * 5000}, r"'toy/model/weights\.bin' in .*SHA-256"),
        ({"weights.bin": b"\x00\x01" * 4999}, r"'toy/model/weights\.bin' in .* it has 9998 bytes"),
        ({"weights.bin": b"\x00\x01" * 500_000}, r"'toy/model/weights\.bin' in .* more than 10000 bytes"),
    ],
)
def test_other_bytes_than_the_pinned_ones_are_refused(cache, index, offer, change, message):
    offered(index, **change)
    offer(toy(DATA, [FIRST]))
    with pytest.raises(AssetError, match=message):
        assets.fetch()
    assert leftovers(cache) == []


def test_a_missing_member_is_named(cache, index, offer):
    wheel(index, FIRST.package, FIRST.version, {"toy/model/config.json": b"{}"})
    offer(toy(DATA, [FIRST]))
    with pytest.raises(AssetError, match=r"toy_weights-1\.0.*has no file 'toy/model/weights\.bin'"):
        assets.fetch()
    assert leftovers(cache) == []


def test_a_truncated_wheel_is_an_error_that_names_it(cache, pip_index, offer, monkeypatch):
    whole = offered(pip_index)
    broken = pip_index.parent / whole.name
    broken.write_bytes(whole.read_bytes()[:300])
    offer(toy(DATA, [FIRST]))
    whole.write_bytes(broken.read_bytes())
    with pytest.raises(AssetError, match=r"toy[-_]weights"):  # whatever pip itself makes of it
        assets.fetch()
    assert leftovers(cache) == []
    monkeypatch.setattr(download, "wheel", lambda source, folder: broken)
    with pytest.raises(AssetError, match=r"the download toy_weights-1\.0-py3-none-any\.whl is broken"):
        assets.fetch()
    assert leftovers(cache) == []


def test_a_member_with_damaged_compression_is_an_error(cache, index, offer, monkeypatch):
    path = offered(index)
    data = bytearray(path.read_bytes())
    at = data.index(DATA["weights.bin"][:100]) + 50  # stored without compression: the checksum must notice
    data[at] ^= 0xFF
    path.write_bytes(bytes(data))
    offer(toy(DATA, [FIRST]))
    monkeypatch.setattr(download, "wheel", lambda source, folder: path)
    with pytest.raises(AssetError, match="broken"):
        assets.fetch()
    assert leftovers(cache) == []


def test_the_second_source_is_used_when_the_first_has_gone(cache, pip_index, offer):
    offered(pip_index, SECOND)
    offer(toy(DATA, [FIRST, SECOND], entry="weights.bin"))
    assets.fetch()
    assert assets.path("toy").read_bytes() == DATA["weights.bin"]


def test_the_second_source_is_used_when_the_first_gives_other_bytes(cache, index, offer):
    offered(index, FIRST, **{"weights.bin": b"evil" * 2500})
    offered(index, SECOND)
    offer(toy(DATA, [FIRST, SECOND], entry="weights.bin"))
    assets.fetch()
    assert assets.path("toy").read_bytes() == DATA["weights.bin"]


def test_when_no_source_has_it_every_source_is_named(cache, index, offer):
    offer(toy(DATA, [FIRST, SECOND]))
    with pytest.raises(AssetError) as caught:
        assets.fetch()
    assert "toy-weights 1.0" in str(caught.value)
    assert "toy-weights-again 2.0" in str(caught.value)
    assert leftovers(cache) == []


def test_assets_before_the_failing_one_stay(cache, index, offer):
    offered(index)
    offer(toy(DATA, [FIRST]), toy(DATA, [SECOND], name="gone"))
    with pytest.raises(AssetError, match="'gone'"):
        assets.fetch()
    assert assets.verify() == ["toy"]


def test_a_hub_is_not_asked_when_it_is_switched_off(cache, index, offer, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    offer(toy(DATA, [FIRST, Source(hub="org/toy")]))
    with pytest.raises(AssetError, match="HF_HUB_OFFLINE"):
        assets.fetch()


def test_hub_files_pass_the_same_hash(cache, index, offer, monkeypatch, tmp_path):
    import huggingface_hub

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    served = dict(DATA)

    def give(repo: str, name: str, local_dir: Path) -> str:
        (Path(local_dir) / name).write_bytes(served[name])
        return str(Path(local_dir) / name)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", give)
    offer(toy(DATA, [FIRST, Source(hub="org/toy")], entry="weights.bin"))
    served["weights.bin"] = b"x" * 10_000
    with pytest.raises(AssetError, match=r"'weights\.bin' in the hub repository org/toy.*SHA-256"):
        assets.fetch()
    served["weights.bin"] = DATA["weights.bin"]
    assets.fetch()
    assert assets.path("toy").read_bytes() == DATA["weights.bin"]


def test_offline_opens_no_socket_and_says_what_is_missing(cache, index, offer, monkeypatch):
    offered(index)
    offer(toy(DATA, [FIRST]), toy(DATA, [SECOND], name="other"))
    with pytest.raises(AssetError):
        assets.fetch("all")

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket or a process was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert len(assets.fetch("toy", offline=True)) == 1
    with pytest.raises(AssetError, match=r"not fetched: other;.*affectus assets fetch other"):
        assets.fetch("all", offline=True)


def test_unknown_names_suggest_the_near_one(cache, offer):
    offer(toy(DATA, [FIRST]))
    with pytest.raises(UnknownName, match="did you mean 'toy'"):
        assets.path("toyy")
    with pytest.raises(UnknownName, match="did you mean 'default'"):
        assets.fetch("defalt")


def test_a_missing_asset_names_the_command(cache, offer):
    offer(toy(DATA, [FIRST]), toy(DATA, [FIRST], name="chatty", group="chat"))
    with pytest.raises(AssetError, match="affectus assets fetch default"):
        assets.path("toy")
    with pytest.raises(AssetError, match="affectus assets fetch chatty"):
        assets.path("chatty")


def test_remove_frees_the_disk(cache, index, offer):
    offered(index)
    offer(toy(DATA, [FIRST]))
    assets.fetch()
    used = assets.disk_use()
    assert used > 10_000
    assert assets.remove("toy") == used
    assert assets.disk_use() == 0
    assert assets.listing()[0].state == "missing"
    assert assets.remove("toy") == 0


def test_a_package_that_a_converter_needs_is_asked_for_before_the_download(cache, index, offer, monkeypatch):
    offer(toy(DATA, [FIRST], needs="no_such_module", extra="chat"))
    monkeypatch.setattr(download, "from_source", lambda *a: pytest.fail("downloaded first"))
    with pytest.raises(MissingDependency, match=r"pip install 'affectus\[chat\]'"):
        assets.fetch()


def test_an_interrupt_leaves_the_cache_clean(cache, index, offer, monkeypatch):
    offered(index)
    offer(toy(DATA, [FIRST]))

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        assets.fetch()
    assert leftovers(cache) == []


def test_leftovers_of_a_killed_process_are_cleared(cache, index, offer):
    offered(index)
    asset = toy(DATA, [FIRST])
    offer(asset)
    target = assets.cache.folder(asset)
    stale = target.with_name(f".{target.name}.part") / "out"
    stale.mkdir(parents=True)
    (stale / "stray.bin").write_bytes(b"half")
    with pytest.raises(AssetError, match="has not been fetched"):
        assets.path("toy")
    assets.fetch()
    assert assets.verify("toy") == ["toy"]
    assert not stale.parent.exists()
    assert {p.name for p in target.iterdir()} == {*DATA, "asset.json"}


def test_two_threads_download_once(cache, index, offer, monkeypatch):
    offered(index)
    offer(toy(DATA, [FIRST]))
    real, calls = download.from_source, []

    def counted(*args: object) -> None:
        calls.append(1)
        time.sleep(0.1)
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(download, "from_source", counted)
    threads = [threading.Thread(target=assets.fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert assets.verify("toy") == ["toy"]


KILLED = """
import time
from toy_assets import toy
from affectus import assets
from affectus.assets import download, manifest
from affectus.assets.manifest import Source
asset = toy({"weights.bin": b"12"}, [Source(package="p", version="1")])
manifest.table = lambda: {"toy": asset}
def slow(asset, source, raw, scratch):
    (raw / "weights.bin").write_bytes(b"1")
    print("begun", flush=True)
    time.sleep(60)
download.from_source = slow
assets.fetch()
"""


def test_a_killed_fetch_leaves_no_asset_and_no_lock(cache, index, offer, tmp_path):
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    data = {"weights.bin": b"12"}
    asset = toy(data, [Source(package="p", version="1")])
    offer(asset)
    with pytest.raises(AssetError, match="has not been fetched"):
        assets.path("toy")
    wheel(index, "p", "1", data)
    fetching.fetch()  # neither waits for the dead process nor trusts its work
    assert assets.verify("toy") == ["toy"]


def test_a_cache_that_cannot_be_written_is_an_output_error(index, offer, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AFFECTUS_CACHE", str(tmp_path / "file"))
    offer(toy(DATA, [FIRST]))
    with pytest.raises(OutputError, match="can't write"):
        assets.fetch()


def test_verifying_a_named_asset_that_is_not_there_fails(cache, offer):
    offer(toy(DATA, [FIRST]))
    assert assets.verify() == []
    with pytest.raises(AssetError, match="has not been fetched"):
        assets.verify("default")


def test_damaged_compressed_data_is_an_error(cache, index, offer):
    path = offered(index)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("toy/model/weights.bin", os.urandom(10_000))
        zipped.writestr("toy/model/config.json", b"{}")
    data = bytearray(path.read_bytes())
    data[60:90] = b"\xff" * 30
    path.write_bytes(bytes(data))
    offer(toy(DATA, [FIRST]))
    with pytest.raises(AssetError, match=r"toy_weights-1\.0.* is broken"):
        assets.fetch()
    assert leftovers(cache) == []


def test_a_full_disk_is_an_output_error_and_leaves_nothing(cache, index, offer, monkeypatch):
    offered(index)
    offer(toy(DATA, [FIRST]))

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "take", full)
    with pytest.raises(OutputError, match="the disk is full"):
        assets.fetch()
    assert leftovers(cache) == []


@pytest.fixture
def parcel(tmp_path, monkeypatch):
    """An importable package with a weight file, as an extra would install it."""
    folder = tmp_path / "site" / "parcel_of_weights" / "inside"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return folder


def test_an_asset_inside_an_installed_package(cache, index, offer, parcel):
    source = Source(package="parcel", version="1.0", folder="parcel_of_weights/inside")
    offer(toy(DATA, [source], convert="installed", extra="voice-out", entry="weights.bin"))
    for name, data in DATA.items():
        (parcel / name).write_bytes(data)
    assert assets.fetch() == [parcel]
    assert assets.path("toy") == parcel / "weights.bin"
    assert assets.verify("toy") == ["toy"]
    (parcel / "weights.bin").write_bytes(b"x" * 10_000)
    with pytest.raises(AssetError, match=r"weights\.bin has SHA-256.*pip install --force-reinstall .*parcel==1\.0"):
        assets.fetch()
    assert not cache.exists()


def test_an_asset_of_a_package_that_is_not_installed_names_the_extra(cache, offer):
    source = Source(package="parcel", version="1.0", folder="no_such_parcel/inside")
    offer(toy(DATA, [source], convert="installed", extra="voice-out"))
    for ask in (assets.path, assets.fetch):
        with pytest.raises(AssetError, match=r"pip install 'affectus\[voice-out\]'"):
            ask("toy")
    assert assets.listing()[0].state == "missing"
