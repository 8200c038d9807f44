"""The workshop kit: one folder, for a USB stick or a LAN share, that replaces the internet.

`targets` says for which laptops, `wheels` fetches the packages for all of them, `pictures` packs
photographs and their vectors, `papers` the course itself, and `build` puts it together.
"""
