"""float32, bfloat16 and int8: which is chosen, and how close each is to the real thing."""

import os
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from vgg_kit import jpeg, picture_of_noise, real

from helpers import dataset
from helpers.features import VGG16, FeaturesError, pooling, runtime, weights
from helpers.features.int8 import to_int8
from helpers.features.networks import batch_size
from helpers.features.preprocess import centre, load_square
from helpers.features.runtime import choose, tensorflow
from helpers.search import metrics


def test_preprocess_is_keras_own():
    image = picture_of_noise()
    keras = tensorflow().keras.applications.vgg16
    squeezed = np.asarray(image.resize((224, 224), Image.Resampling.BILINEAR), np.float32)
    ours = centre(load_square(image, 224))
    assert np.array_equal(ours, keras.preprocess_input(squeezed.copy()))
    assert load_square(image, 96).shape == (96, 96, 3)


EVERY_COLOUR = np.stack([np.roll(np.arange(256, dtype=np.uint8), 85 * i) for i in range(3)], -1)
"""All 256 values of all three channels, (256, 3), no row grey."""


def test_centring_is_the_same_in_numpy_and_in_a_tensorflow_graph():
    tf = tensorflow()
    in_graph = tf.function(lambda pixels: centre(tf.cast(pixels, tf.float32)))
    assert np.array_equal(in_graph(EVERY_COLOUR).numpy(), centre(EVERY_COLOUR))
    assert centre(EVERY_COLOUR).dtype == np.float32


@pytest.mark.parametrize(("scale", "zero"), [(1.1, -14), (1.0774, 0), (0.5, 3)])
def test_int8s_look_up_table_quantises_what_the_float_networks_get(scale, zero):
    steps = np.round(centre(EVERY_COLOUR) / scale) + zero
    assert np.array_equal(to_int8(EVERY_COLOUR, scale, zero), np.clip(steps, -128, 127))
    assert to_int8(EVERY_COLOUR, scale, zero).dtype == np.int8


ZEN = {"avx2", "avx512f", "avx512_vnni", "avx512_bf16"}


@pytest.mark.parametrize(
    ("flags", "gpu", "wanted"),
    [
        ({"avx2"}, False, "float32"),
        (ZEN, False, "int8"),
        (ZEN, True, "float32"),
        ({"avx2", "avx512f", "avx512_bf16"}, False, "bfloat16"),
        (ZEN | {"amx_bf16", "amx_int8"}, False, "int8"),
        (set(), False, "float32"),
    ],
)
def test_auto_chooses_by_the_processor(flags, gpu, wanted):
    name, why = choose("auto", flags, gpu)
    assert name == wanted
    assert why.startswith(f"Precision: {wanted}, because ")


def test_the_setting_overrules_the_choice():
    found, why = choose("int8", {"avx2"}, gpu=False)
    assert found == "int8"
    assert "BOOTCAMP_PRECISION" in why
    with pytest.raises(FeaturesError, match=r"'int4'.*BOOTCAMP_PRECISION.*float32, bfloat16, int8"):
        choose("int4", ZEN, gpu=False)


def test_the_batch_fits_the_memory():
    assert batch_size(224, "float32", available=64e9) == 8
    assert batch_size(224, "bfloat16", available=64e9) == 8
    assert batch_size(224, "int8", available=64e9) == max(8, os.cpu_count())
    assert batch_size(224, "float32", available=1e9) == 6
    assert batch_size(448, "float32", available=4e9) == 6
    assert batch_size(224, "float32", available=0) == 1


# The real network on real photographs.


@pytest.fixture(scope="module")
def photographs(voc_subset, shared_settings):
    """The 600 real pictures."""
    settings = replace(shared_settings, dataset=str(voc_subset))
    return dataset.load(settings, progress=False).pictures


@pytest.fixture(scope="module")
def exact(shared_settings):
    """The extractor in float32."""
    return VGG16(precision="float32", settings=real(shared_settings), progress=False)


@pytest.mark.weights
@pytest.mark.voc
@pytest.mark.parametrize("pool", ["max", "avg"])
def test_float32_is_keras_vgg16_to_five_nines(exact, photographs, pool, shared_settings):
    keras = tensorflow().keras
    vgg16 = keras.applications.VGG16(
        include_top=False, weights=None, pooling=pool, input_shape=(224, 224, 3)
    )
    weights.apply(vgg16, shared_settings)
    for picture in photographs[::75]:
        theirs = vgg16(centre(load_square(picture.path, 224))[None])[0].numpy()
        ours = pooling.POOLINGS[pool](exact.maps(picture.path)[None])[0]
        cosine = ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs)
        assert cosine >= 0.99999


@pytest.mark.weights
@pytest.mark.voc
def test_a_jpeg_decoded_smaller_gives_nearly_the_same_vector(exact, photographs):
    for picture in photographs[::60]:
        big = Image.open(picture.path).resize((2000, 1500), Image.Resampling.LANCZOS)
        exactly = exact.pool(np.stack(exact.network([np.array(big.resize((224, 224), 2))])))[0]
        assert exactly @ exact.embed(jpeg(big)) >= 0.999


@pytest.mark.weights
@pytest.mark.voc
@pytest.mark.slow
def test_fewer_bits_find_the_same_pictures(exact, photographs, tmp_path, shared_settings):
    found, some = {}, photographs[::3]
    for bits in runtime.PRECISIONS:
        made = VGG16(precision=bits, settings=shared_settings, progress=False).load()
        made.settings = replace(shared_settings, data=tmp_path)
        found[bits] = made.extract(some, "photographs", progress=False).values
    p_at_10, mean_ap = scores(found["float32"], some)
    assert p_at_10 >= 0.85
    assert mean_ap >= 0.73
    for bits, least in (("bfloat16", 0.9995), ("int8", 0.99)):
        assert scores(found[bits], some) == pytest.approx((p_at_10, mean_ap), abs=0.003)
        assert np.sum(found[bits] * found["float32"], axis=1).min() >= least


def scores(values, photographs):
    """Return (P@10, mAP) of each picture as a query among the others."""
    order = np.argsort(-(values @ values.T - 9 * np.eye(len(values))), axis=1)[:, :-1]
    labels = [set(picture.labels) for picture in photographs]
    ranked = [[bool(labels[i] & labels[j]) for j in row] for i, row in enumerate(order)]
    first = np.mean([metrics.precision_at_k(row, 10) for row in ranked])
    return first, metrics.mean_average_precision(ranked)


@pytest.mark.weights
def test_auto_follows_the_setting_says_so_and_names_itself_by_it(shared_settings, capsys):
    settings = replace(real(shared_settings), precision="bfloat16")
    made = VGG16(precision="auto", size=64, settings=settings, progress=False)
    assert made.name == "vgg16-conv5-max-64-bfloat16"
    assert "Precision: bfloat16, because BOOTCAMP_PRECISION says so." in capsys.readouterr().out


def test_two_silences_at_once_leave_no_silence_behind(capfd):
    begun, may_end = [threading.Event(), threading.Event()], [threading.Event(), threading.Event()]

    def silence(number):
        with runtime.silence_stderr():
            begun[number].set()
            may_end[number].wait(600)

    threads = [threading.Thread(target=silence, args=[n], daemon=True) for n in (0, 1)]
    threads[0].start()
    assert begun[0].wait(600)
    threads[1].start()
    assert not begun[1].wait(
        0.2
    )  # it waits for the first, so as not to take its silence for stderr
    for number in (0, 1):
        may_end[number].set()
        threads[number].join()
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"
