"""What OpenSlide says of slides: facts as JSON on standard output, regions as raw RGBA files.

Reads a JSON list from standard input: {"path": ..., "out": folder or null, "regions": [[x, y, level, width, height], ...]} with x and y in pixels of level 0, as openslide_read_region takes them.
Region n of a slide is written to out/n.rgba.
"""

import json
import os
import sys

import openslide


def look(request):
    slide = openslide.OpenSlide(request["path"])
    for number, (x, y, level, width, height) in enumerate(request["regions"]):
        region = slide.read_region((x, y), level, (width, height))
        with open(os.path.join(request["out"], f"{number}.rgba"), "wb") as file:
            file.write(region.tobytes())
    return {
        "levels": [list(size) for size in slide.level_dimensions],
        "downsamples": list(slide.level_downsamples),
        "properties": dict(slide.properties),
        "associated": {name: list(image.size) for name, image in slide.associated_images.items()},
    }


answers = []
for request in json.load(sys.stdin):
    try:
        answers.append(look(request))
    except openslide.OpenSlideError as error:
        answers.append({"error": str(error)})
json.dump({"version": openslide.__library_version__, "slides": answers}, sys.stdout)
