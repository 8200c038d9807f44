"""float32, bfloat16 and int8: which is chosen, and how near each is to the real thing."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from vgg_kit import jpeg, picture_of_noise, real

from helpers import dataset
from helpers.features import VGG16, pooling, runtime, weights
from helpers.features.networks import batch_size, to_int8
from helpers.features.preprocess import preprocess
from helpers.features.runtime import PrecisionError, choose
from helpers.search import metrics


def test_preprocess_is_keras_own():
    from helpers.features.runtime import tensorflow

    image = picture_of_noise()
    keras = tensorflow().keras.applications.vgg16
    squeezed = np.asarray(image.resize((224, 224), Image.Resampling.BILINEAR), np.float32)
    assert np.array_equal(preprocess(image), keras.preprocess_input(squeezed.copy()))
    assert preprocess(image, 96).shape == (96, 96, 3)


def test_int8_input_is_the_preprocessed_picture_in_steps_of_the_scale():
    image = picture_of_noise(64, 64)
    back = (to_int8(np.asarray(image), 1.1, -14).astype(float) + 14) * 1.1
    wanted = preprocess(image, 64)
    inside = np.abs(wanted) < 100
    assert np.abs(back - wanted)[inside].max() <= 1.1 / 2 + 1e-5


ZEN = {"avx2", "avx512f", "avx512_vnni", "avx512_bf16"}


@pytest.mark.parametrize(
    ("features", "pictures", "gpu", "wanted"),
    [
        ({"avx2"}, 17_125, False, "float32"),
        (ZEN, 300, False, "float32"),
        (ZEN, 900, False, "bfloat16"),
        (ZEN, 17_125, False, "int8"),
        (ZEN, 17_125, True, "float32"),
        (ZEN - {"avx512_bf16"}, 17_125, False, "int8"),
        (ZEN | {"amx_bf16", "amx_int8"}, 2_000, False, "bfloat16"),
        (set(), 5, False, "float32"),
    ],
)
def test_auto_chooses_by_processor_and_number_of_pictures(features, pictures, gpu, wanted):
    name, why = choose(pictures, features, cores=2, gpu=gpu, environ={})
    assert name == wanted
    assert why.startswith(f"Precision: {wanted}, because ")


def test_auto_is_overruled_by_the_environment():
    found, why = choose(10, ZEN, 2, False, {"BOOTCAMP_PRECISION": "int8"})
    assert found == "int8"
    assert "BOOTCAMP_PRECISION" in why
    with pytest.raises(PrecisionError, match=r"no precision 'int4'.*float32, bfloat16, int8, auto"):
        choose(10, ZEN, 2, False, {"BOOTCAMP_PRECISION": "int4"})


def test_the_batch_fits_the_memory():
    assert batch_size(224, "float32", available=64e9) == 8
    assert batch_size(224, "bfloat16", available=64e9) == 16
    assert batch_size(224, "float32", available=1e9) == 4
    assert batch_size(448, "float32", available=4e9) == 4
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
    return VGG16(settings=real(shared_settings), progress=False)


@pytest.mark.weights
@pytest.mark.voc
@pytest.mark.parametrize("pool", ["max", "avg"])
def test_float32_is_keras_vgg16_to_five_nines(exact, photographs, pool, shared_settings):
    keras = runtime.tensorflow().keras
    vgg16 = keras.applications.VGG16(
        include_top=False, weights=None, pooling=pool, input_shape=(224, 224, 3)
    )
    weights.apply(vgg16, shared_settings)
    for picture in photographs[::75]:
        theirs = vgg16(preprocess(Image.open(picture.path))[None])[0].numpy()
        ours = pooling.POOLINGS[pool](exact.maps(picture.path)[None])[0]
        cosine = ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs)
        assert cosine >= 0.99999


@pytest.mark.weights
@pytest.mark.voc
def test_a_jpeg_decoded_smaller_gives_nearly_the_same_vector(exact, photographs):
    for picture in photographs[::60]:
        big = Image.open(picture.path).resize((2000, 1500), Image.Resampling.LANCZOS)
        exactly = exact.pool(exact.network(np.array(big.resize((224, 224), 2))[None]))[0]
        assert exactly @ exact.embed(jpeg(big)) >= 0.999


@pytest.mark.weights
@pytest.mark.voc
@pytest.mark.slow
def test_fewer_bits_find_the_same_pictures(exact, photographs, tmp_path, shared_settings):
    found = {}
    for bits in runtime.PRECISIONS:
        made = VGG16(precision=bits, settings=shared_settings, pictures=photographs, progress=False)
        if bits != "float32":  # those are what test_engine has extracted, or will find here
            made.settings = replace(shared_settings, data=tmp_path)
        found[bits] = made.extract(photographs, "voc2012-subset", progress=False).values
    p_at_10, mean_ap = scores(found["float32"], photographs)
    assert p_at_10 >= 0.88
    assert mean_ap >= 0.70
    for bits, least in (("bfloat16", 0.9995), ("int8", 0.99)):
        assert scores(found[bits], photographs) == pytest.approx((p_at_10, mean_ap), abs=0.003)
        assert np.sum(found[bits] * found["float32"], axis=1).min() >= least


def scores(values, photographs):
    """Return (P@10, mAP) of each picture as a query among the others."""
    order = np.argsort(-(values @ values.T - 9 * np.eye(len(values))), axis=1)[:, :-1]
    labels = [set(picture.labels) for picture in photographs]
    ranked = [[bool(labels[i] & labels[j]) for j in row] for i, row in enumerate(order)]
    first = np.mean([metrics.precision_at_k(row, 10) for row in ranked])
    return first, metrics.mean_average_precision(ranked)


@pytest.mark.weights
def test_auto_tells_its_choice_and_names_itself_by_it(shared_settings, monkeypatch, capsys):
    monkeypatch.setenv("BOOTCAMP_PRECISION", "bfloat16")
    made = VGG16(precision="auto", size=64, settings=real(shared_settings), progress=False)
    assert made.name == "vgg16-conv5-max-64-bfloat16"
    assert "Precision: bfloat16, because BOOTCAMP_PRECISION says so." in capsys.readouterr().out


def test_importing_the_extractor_does_not_load_tensorflow():
    code = "import sys, helpers.features, helpers.explain; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
