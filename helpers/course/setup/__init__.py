"""What notebook 00 and `make check` look at, one subject a file; `check_setup` asks them all.

`computer` is Python, memory, disk and processor; `material` the pictures, the weights and the kit;
`programs` Milvus and Jupyter; `trial` a first search. None of them downloads anything.
"""
