"""Makes the JPEG 2000 tiles of the tests out of the picture that tests/common/mod.rs draws.

Needs opj_compress (Debian: libopenjp2-tools). Run in this folder: python3 make_jpeg2000.py
"""

import math
import subprocess

WIDTH, HEIGHT = 64, 48


def pixel(x, y):
    u, v = x / WIDTH, y / HEIGHT
    wave = (math.sin(u * 7.0) * math.cos(v * 5.0) + 1.0) * 0.5
    return int(40.0 + 200.0 * u), int(230.0 - 180.0 * v), int(60.0 + 150.0 * wave)


def ycbcr(rgb):
    r, g, b = rgb
    y = 0.299 * r + 0.587 * g + 0.114 * b
    values = y, (b - y) / 1.772 + 128.0, (r - y) / 1.402 + 128.0
    return tuple(min(255, max(0, round(v))) for v in values)


def save(name, planes, sampling, *options):
    with open("raw.rawl", "wb") as raw:
        for plane in planes:
            raw.write(bytes(plane))
    subprocess.run(
        ["opj_compress", "-i", "raw.rawl", "-o", name, "-n", "3"]
        + ["-F", f"{WIDTH},{HEIGHT},{len(planes)},8,u@{sampling}", *options],
        check=True,
    )


def halved(pixels, c):
    """Each two pixels of a row as their mean."""
    return [(pixels[i][c] + pixels[i + 1][c] + 1) // 2 for i in range(0, len(pixels), 2)]


def main():
    rgb = [pixel(x, y) for y in range(HEIGHT) for x in range(WIDTH)]
    yuv = [ycbcr(p) for p in rgb]
    full = lambda pixels, c: [p[c] for p in pixels]
    three = lambda pixels: [full(pixels, c) for c in range(3)]
    save("rgb.j2k", three(rgb), "1x1:1x1:1x1", "-mct", "0")
    save("rgb_transformed.j2k", three(rgb), "1x1:1x1:1x1", "-mct", "1")
    save("ycbcr.j2k", three(yuv), "1x1:1x1:1x1", "-mct", "0")
    save("ycbcr_422.j2k", [full(yuv, 0), halved(yuv, 1), halved(yuv, 2)], "1x1:2x1:2x1", "-mct", "0")
    save("grey.j2k", [full(rgb, 1)], "1x1")
    subprocess.run(["rm", "raw.rawl"], check=True)


if __name__ == "__main__":
    main()
