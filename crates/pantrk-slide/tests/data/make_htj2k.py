"""Makes the High-Throughput JPEG 2000 frames of the tests out of the picture that tests/common/mod.rs draws.

Needs imagecodecs from PyPI, which encodes by OpenJPH. Run in this folder: python3 make_htj2k.py
The values that a lossy frame is held to are OpenJPEG's, in ht_lossy.raw.
"""

import imagecodecs
import numpy

from make_jpeg2000 import HEIGHT, WIDTH, pixel

rgb = numpy.array(
    [[pixel(x, y) for x in range(WIDTH)] for y in range(HEIGHT)], dtype=numpy.uint8
)


def save(name, data):
    with open(name, "wb") as file:
        file.write(data)


save("ht_lossless.j2c", imagecodecs.htj2k_encode(rgb, reversible=True))
save("ht_grey.j2c", imagecodecs.htj2k_encode(numpy.ascontiguousarray(rgb[..., 1]), reversible=True))
lossy = imagecodecs.htj2k_encode(rgb, level=0.01, reversible=False)
save("ht_lossy.j2c", lossy)
save("ht_lossy.raw", imagecodecs.jpeg2k_decode(lossy).tobytes())
