import numpy as np
import pytest

from tests.ingest.samples import cmyk_profile, gradient
from tests.tools.editing_scenes import EXCHANGED, SRGB
from vitron_agent.errors import ExpertError
from vitron_agent.tools.color_profiles import in_profile


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(("own", "wanted"), [(EXCHANGED, None), (None, EXCHANGED), (EXCHANGED, SRGB)])
def test_the_same_colours_get_the_numbers_of_the_other_profile(own, wanted, channels):
    image = gradient(channels=channels)
    converted = in_profile(image, own, wanted)
    assert converted.dtype == np.uint8
    assert np.abs(converted[..., [1, 0, 2]].astype(int) - image[..., :3]).max() <= 2
    assert np.array_equal(converted[..., 3:], image[..., 3:])


@pytest.mark.parametrize("profile", [None, SRGB, EXCHANGED])
def test_a_picture_in_the_same_profile_keeps_every_bit(profile):
    image = gradient()
    assert np.array_equal(in_profile(image, profile, profile), image)


def test_sixteen_bits_keep_their_numbers():
    image = gradient().astype(np.uint16) * 257
    assert np.array_equal(in_profile(image, EXCHANGED, None), image)


def test_a_profile_of_other_channels_is_an_error_that_says_what_helps():
    with pytest.raises(ExpertError, match="save them as sRGB"):
        in_profile(gradient(), cmyk_profile(), None)
