"""Connecting to whatever MILVUS_URI names."""

import os
import subprocess
import sys


def test_milvus_uri_may_name_a_file_although_pymilvus_refuses_one(tmp_path):
    """pymilvus reads MILVUS_URI at import; ours must open the file all the same."""
    code = (
        "from helpers.index import Index; i = Index('sample', 'vgg16'); print(i.count());"
        "i.close(); import os; print(os.environ['MILVUS_URI'])"
    )
    uri = str(tmp_path / "other.db")
    env = os.environ | {"MILVUS_URI": uri, "BOOTCAMP_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["0", uri], done.stderr
