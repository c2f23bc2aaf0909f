"""Small photos of some things, what is cut out of them, and their WordNet, for all that learns from photos."""

from tests.train.data.photos.conftest import cutouts, folder, kinds, new_words, photos, wordnet  # noqa: F401
