"""A tiny copy of every set in its published layout, with good and with damaged records."""

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from PIL import Image

WIDTH, HEIGHT = 40, 20


def picture(path: Path, size=(WIDTH, HEIGHT), gray=100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (gray, gray, gray)).save(path)
    return path


def clip(path: Path, num_frames=8, size=(WIDTH, HEIGHT), fps=10) -> Path:
    """Frame i has the gray 20 i."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for gray in range(0, 20 * num_frames, 20):
            array = np.full((size[1], size[0], 3), gray, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(array, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def text(path: Path, content: str | dict | list, encoding="utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding=encoding)
    return path


def said(*texts: str) -> list[dict]:
    return [{"from": ("human", "gpt")[n % 2], "value": value} for n, value in enumerate(texts)]


def llava(folder: Path) -> Path:
    for name in ("a.jpg", "b.jpg"):
        picture(folder / "coco" / name)
    clip(folder / "clips/v.mp4")
    for number in range(3):
        picture(folder / f"clips/frames/{number:04d}.png")
    one = said("<image>\nWhat is it?", "A cat.", "And <image>?", "Black.")
    records = [
        {"id": "x", "image": "coco/a.jpg", "conversations": said("<image>\nWhat is it?", "A cat.", "Which?", "Black.")},
        {"id": "x", "image": ["coco/a.jpg", "coco/b.jpg"], "conversations": one},
        {"video": "clips/v.mp4", "conversations": said("What happens?\n<image>", "It dims.")},
        {"video": "clips/frames", "conversations": said("<video>\nWhat happens?", "Nothing.")},
        {"image": "coco/a.jpg", "video": "clips/v.mp4", "conversations": said("Is<image>in <video>?", "Yes.")},
        {"conversations": said("Hello", "Hi.")},
        {"image": "coco/a.jpg", "conversations": said("Compare <image> and <image>", "No.")},
        {"image": "coco/none.jpg", "conversations": said("<image>\nWhat?", "A cat.")},
        {"image": "../secret.jpg", "conversations": said("<image>\nWhat?", "A cat.")},
        {"image": "coco/a.jpg", "conversations": said("<image>\nWhat?", "It is image-7.")},
        {"image": "coco/a.jpg", "conversations": said("<image>\nWhat?", "<Module>Image Editing</Module>")},
        {"image": "coco/a.jpg", "conversations": said("<image>\nWhat?", "< module >C")},
        {"image": "coco/a.jpg", "conversations": said("What?", "")},
        {"image": "coco/a.jpg", "conversations": said("What?", "This", "too")},
        {"image": "coco/a.jpg", "conversations": [{"from": "system", "value": "Be kind"}, *said("What?")]},
        {"image": "coco/a.jpg"},
        "nonsense",
    ]
    return text(folder / "mix.json", records)


def cc3m(folder: Path) -> Path:
    picture(folder / "00000/000000000.jpg")
    picture(folder / "00000/000000002.jpg")
    lines = ['a "quoted" cat\thttp://x/1', "gone\thttp://x/2", "a dog\thttp://x/3", "no address"]
    return text(folder / "Train_GCC-training.tsv", "\n".join(lines) + "\n")


def webvid(folder: Path) -> Path:
    clip(folder / "videos/000001_000050/12.mp4")
    text(folder / "videos/000001_000050/13.mp4", "no clip")
    header = "videoid,contentUrl,duration,page_dir,name\n"
    rows = ["12,http://x,PT00H00M08S,000001_000050,A lamp that dims", "13,http://x,PT1S,000001_000050,Damaged"]
    return text(folder / "results_2M_train.csv", header + "\n".join([*rows, "14,http://x,PT1S,../..,Out", "15"]) + "\n")


SQUARE = [10, 5, 20, 5, 20, 15, 10, 15]
"""A polygon that covers columns 10 to 19 and rows 5 to 14."""
RUNS = {"size": [HEIGHT, WIDTH], "counts": [205, 10, 585]}
"""Column 10, rows 5 to 14."""


def coco_file(path: Path, images: list, annotations: list) -> Path:
    categories = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
    return text(path, {"images": images, "annotations": annotations, "categories": categories})


def coco_image(number: int, name: str, **more) -> dict:
    return {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT, **more}


def coco_thing(image: int, category: int = 18, bbox=(10, 5, 10, 10), **more) -> dict:
    return {"image_id": image, "category_id": category, "bbox": bbox, "iscrowd": 0, **more}


def coco(folder: Path) -> Path:
    for name in ("1.jpg", "2.jpg", "small.jpg"):
        picture(folder / "train2017" / name, (8, 8) if name == "small.jpg" else (WIDTH, HEIGHT))
    text(folder / "train2017/torn.jpg", "no picture")
    images = [
        coco_image(1, "1.jpg"),
        coco_image(2, "2.jpg"),
        coco_image(3, "gone.jpg"),
        coco_image(4, "small.jpg"),
        coco_image(5, "torn.jpg"),
        {"id": 6},
    ]
    annotations = [
        coco_thing(1, segmentation=[SQUARE]),
        coco_thing(1, bbox=(0, 0, 4, 4)),
        coco_thing(1, 1, segmentation=RUNS, bbox=(10, 5, 1, 10)),
        coco_thing(2, segmentation=RUNS, iscrowd=1),
        coco_thing(2, 1, bbox=(100, 5, 10, 10)),
        coco_thing(2, 77),
        coco_thing(4),
        coco_thing(99),
        "nonsense",
    ]
    return coco_file(folder / "annotations/instances_train2017.json", images, annotations)


def refcoco(folder: Path) -> Path:
    picture(folder / "train2014/1.jpg")
    images = [
        coco_image(1, "1.jpg", caption="the left  dog", original_id=7),
        coco_image(2, "1.jpg", caption="nothing here", original_id=7),
        coco_image(3, "1.jpg", caption=" ", original_id=7),
        coco_image(4, "1.jpg", caption="broken outline", original_id=7),
        coco_image(5, "1.jpg", caption="other mask", original_id=7),
        coco_image(6, "1.jpg", caption="what <image> shows", original_id=7),
        coco_image(7, "1.jpg", caption="sand \ufffd", original_id=7),
    ]
    annotations = [
        coco_thing(1, segmentation=[SQUARE]),
        coco_thing(3),
        coco_thing(4, segmentation=[[1, 2, 3]]),
        coco_thing(5, segmentation={"size": [3, 3], "counts": [9]}),
        coco_thing(6),
        coco_thing(7),
    ]
    return coco_file(folder / "refcoco+/instances_refcoco+_train.json", images, annotations)


ANNOTATION = """<annotation><size><width>40</width><height>20</height><depth>3</depth></size>
<object><name>1</name><name>3</name><bndbox><xmin>11</xmin><ymin>6</ymin><xmax>20</xmax><ymax>15</ymax></bndbox></object>
<object><name>1</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>4</ymax></bndbox></object>
<object><name>2</name><scene>1</scene><nobndbox>0</nobndbox></object></annotation>"""


def flickr30k(folder: Path) -> Path:
    text(folder / "train.txt", "100\n200\n300\n400\n")
    for name in ("100", "200", "300"):
        picture(folder / f"flickr30k-images/{name}.jpg")
        text(folder / f"Annotations/{name}.xml", ANNOTATION)
    captions = [
        "[/EN#1/people Two girls] with [/EN#3/clothing/other a pink dress] in [/EN#2/scene a park] .",
        "[/EN#0/notvisual It] is [/EN#2/scene a park] .",
        "[/EN#1/people A girl] , unrelated .",
        "[/EN 1 A girl] .",
        "",
    ]
    text(folder / "Sentences/100.txt", "\n".join(captions))
    text(folder / "Annotations/200.xml", "<annotation><object>")
    text(folder / "Sentences/200.txt", captions[0])
    text(folder / "UNRELATED_CAPTIONS", "# format: <imageID> <sentence number>\n100 3")
    return folder


def vidstg(folder: Path) -> Path:
    clip(folder / "video/0001/55.mp4")
    corner = {"xmin": 10, "ymin": 5, "xmax": 20, "ymax": 15}
    seen = [[{"tid": 0, "bbox": corner}, {"tid": 1, "bbox": {**corner, "xmax": 60}}] for _ in range(8)]
    vidor = {"width": WIDTH, "height": HEIGHT, "trajectories": seen}
    text(folder / "training/0001/55.json", vidor)
    text(folder / "training/0001/56.json", vidor)
    text(folder / "validation/0002/57.json", {"width": 4})
    record = {
        "vid": "55",
        "used_segment": {"begin_fid": 2, "end_fid": 8},
        "temporal_gt": {"begin_fid": 3, "end_fid": 5},
        "subject/objects": [{"tid": 0, "category": "ball/sports_ball"}, {"tid": 1, "category": "child"}],
        "captions": [
            {"description": "a child holds a ball", "target_id": 1},
            {"description": "unlisted", "target_id": 9},
        ],
        "questions": [{"description": "what does the child hold?", "target_id": 0}],
    }
    records = [record, {**record, "vid": "404"}, {**record, "vid": "56"}, {**record, "vid": "57"}]
    records += [{**record, "temporal_gt": {"begin_fid": 0, "end_fid": 1}}, {"vid": "55"}]
    records += [{**record, "used_segment": {"begin_fid": 50, "end_fid": 60}}]
    return text(folder / "train_annotations.json", records)


def hcstvg(folder: Path) -> Path:
    clip(folder / "video/part_1/1_a.mp4")
    clip(folder / "video/part_2/2_b.mp4")
    record = {"bbox": [[10, 5, 10, 10]] * 3, "st_frame": 3, "caption": "The man turns.", "width": WIDTH}
    record = {**record, "height": HEIGHT, "img_num": 8, "st_time": 0.2, "ed_time": 0.5}
    second = {"bbox": record["bbox"], "st_frame": 1, "English": "A woman sits.", "img_size": [HEIGHT, WIDTH]}
    records = {"1_a.mp4": record, "2_b.mp4": second, "gone.mp4": record}
    for number, damage in enumerate(({"bbox": [[]]}, {"bbox": [[0, 0, 0, 0]]}, {"caption": ""}, {"st_frame": None})):
        clip(folder / f"video/{number}.mp4")
        records[f"{number}.mp4"] = {**record, "st_frame": 1, **damage}
    return text(folder / "train.json", records)


def got10k(folder: Path) -> Path:
    names = [f"GOT-10k_Train_00000{number}" for number in range(1, 6)]
    text(folder / "list.txt", "\n".join([*names, "gone"]))
    for name in names:
        for frame in range(1, 5):
            picture(folder / name / f"{frame:08d}.jpg")
        text(folder / name / "meta_info.ini", "[METAINFO]\nurl: x\nobject_class: goat\nmotion_class: walking\n")
        text(folder / name / "groundtruth.txt", "10,5,10,10\n12,5,10,10\n0,0,0,0\n35,5,10,10\n")
        text(folder / name / "absence.label", "0\n0\n1\n0\n")
    text(folder / names[1] / "groundtruth.txt", "10,5,10,10\n")
    text(folder / names[2] / "groundtruth.txt", "10,5,10,10\n12,5,nan,10\n0,0,0,0\n35,5,10,10\n")
    text(folder / names[3] / "meta_info.ini", "[METAINFO]\n")
    text(folder / names[4] / "absence.label", "1\n1\n1\nx\n")
    return folder


def lasot(folder: Path) -> Path:
    for name in ("airplane-1", "airplane-2", "airplane-3"):
        for frame in range(1, 4):
            picture(folder / f"airplane/{name}/img/{frame:08d}.jpg")
        text(folder / f"airplane/{name}/groundtruth.txt", "10,5,10,10\n12,5,10,10\n0,0,0,0\n")
        text(folder / f"airplane/{name}/full_occlusion.txt", "0,1,0")
        text(folder / f"airplane/{name}/out_of_view.txt", "0,0,1")
        text(folder / f"airplane/{name}/nlp.txt", "white airplane landing on ground\n")
    text(folder / "airplane/airplane-2/full_occlusion.txt", "1,1,1")
    (folder / "airplane/airplane-3/nlp.txt").unlink()
    return folder


def labels(path: Path, objects: dict[int, slice], size=(WIDTH, HEIGHT)) -> None:
    """An indexed mask: object k on the columns given for it, rows 5 to 14."""
    array = np.zeros(size[::-1], np.uint8)
    for number, columns in objects.items():
        array[5:15, columns] = number
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(array)
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    image.save(path)


def vos_clip(pictures: Path, masks: Path) -> None:
    for frame in range(0, 20, 5):
        picture(pictures / f"{frame:05d}.jpg")
        if frame < 15:
            labels(masks / f"{frame:05d}.png", {1: slice(10, 20), 2: slice(0, 4)} if frame else {1: slice(10, 20)})


def davis(folder: Path) -> Path:
    text(folder / "ImageSets/2017/train.txt", "bear\ntorn\ngone\nclassic-car\n")
    for name in ("bear", "torn", "classic-car"):
        vos_clip(folder / "JPEGImages/480p" / name, folder / "Annotations_unsupervised/480p" / name)
    labels(folder / "Annotations_unsupervised/480p/torn/00005.png", {1: slice(0, 2)}, (8, 16))
    classes = {"bear": {"1": "bear", "2": "bear"}, "torn": {"1": "bear"}, "gone": {"1": "bear"}}
    text(folder / "davis_semantics.json", {**classes, "classic-car": {"x": "car"}})
    lines = ['bear 2 "a small bear"', 'bear 3 "nobody"', "bear", 'clasic-car 1 "an old car"', f'bear {"9" * 5000} "x"']
    text(folder / "davis_text_annotations/Davis17_annot1.txt", "\n".join(lines))
    text(folder / "davis_text_annotations/Davis17_annot2.txt", 'bear 1 "a caf\xe9 bear"\n', "latin-1")
    return folder


def youtube_vos(folder: Path) -> Path:
    for name in ("0a", "0b"):
        vos_clip(folder / "train/JPEGImages" / name, folder / "train/Annotations" / name)
    text(folder / "train/Annotations/0b/00000.png", "no mask")
    objects = {"objects": {"1": {"category": "penguin"}, "2": {"category": "person"}, "3": {"category": "ape"}}}
    videos = {"0a": objects, "0b": objects, "0c": objects, "0d": {"objects": {"1": {}}}}
    text(folder / "train/meta.json", {"videos": videos})
    expressions = {"0": {"exp": "the penguin on the right", "obj_id": "1"}, "1": {"exp": "both", "obj_id": [1, 2]}}
    said = {"0a": {"expressions": expressions, "frames": ["00000"]}}
    text(folder / "meta_expressions/train/meta_expressions.json", {"videos": said})
    return folder


def magicbrush(folder: Path) -> Path:
    step = {"input": "7-input.png", "mask": "7-mask1.png", "output": "7-output1.png", "instruction": "add a hat"}
    later = {"input": "7-output1.png", "mask": "7-mask2.png", "output": "7-output2.png", "instruction": "make it red"}
    for name in ("7-input.png", "7-output1.png", "7-output2.png"):
        picture(folder / "images/7" / name)
    mask = np.full((2 * HEIGHT, 2 * WIDTH, 4), 255, np.uint8)
    mask[10:20, 20:40, 3] = 0
    for name in ("7-mask1.png", "7-mask2.png"):
        Image.fromarray(mask).save(folder / "images/7" / name)
    mask[..., 3] = 255
    Image.fromarray(mask).save(folder / "images/7/none.png")
    damaged = [{"mask": "none.png"}, {"mask": "7-input.png"}, {"output": "gone.png"}, {"mask": "gone.png"}]
    damaged += [{"instruction": " "}, {"input": None}, {"input": "/etc/passwd"}]
    sessions = {"7": [step, later, *({**step, **damage} for damage in damaged)]}
    text(folder / "edit_sessions.json", sessions)
    return folder


def invocations(folder: Path) -> Path:
    for name in ("a.jpg", "b.jpg"):
        picture(folder / "data" / name)
    clip(folder / "data/v.mp4")
    a, v, whole, part = "data/a.jpg", "data/v.mp4", [0, 0, WIDTH, HEIGHT], [10, 5, 20, 15]
    zebra = "Sure. <module>B</module> <instruction>segmentation: zebra</instruction>"
    paper = (
        "Sure! <Module> Video Segmentation </Module> <Instruction> segmentation: clock </Instruction> "
        "<Region> (0.23, 0.35, 0.11, 0.26) </Region>"
    )
    film = "<module>F</module><instruction>a red car</instruction><instruction>a beach</instruction>"
    draw = "<module>A</module> <instruction>generation: a cat</instruction>"
    edit = "<module>C</module> <instruction>recolor: cat => red</instruction>"

    def record(conversation: list, **more) -> dict:
        return {"idx": 0, "dataset_name": "x", "conversations": conversation, **more}

    records = [
        record(said("<image>\nMark the zebra <objs>", zebra), image=a, bbox=whole),
        record(said("<image>\nMark what I drew: <objs>", zebra), image=a, bbox=part),
        record(said("<video>\nTrack the clock I circled", paper), video=v, bbox=part),
        record(said("<video>\nMake it a beach", film), video=v),
        record(said("Draw a cat", draw, "Make it red", edit, "Thanks", "With pleasure.")),
        record(said("Mark in <image> what <image> shows", zebra), image=[a, "data/b.jpg"]),
        record(said("<image>\nMark it", zebra.replace("module", "modul")), image=a),
        record(said("<image>\nMark it", "<instruction>segmentation: zebra</instruction>"), image=a),
        record(said("<image>\nMark it", zebra.replace("B", "Z")), image=a),
        record(said("<image>\nMark it", zebra[:-5]), image=a),
        record(said("Mark it", zebra)),
        record(said("<video>\nTrack the clock", paper), video=v),
        record(said("<image>\nMark it", zebra), image=a, bbox=[20, 15, 10, 5]),
        record(said("<image>\nMark it", zebra), image="data/gone.jpg"),
        record(said("<image>\nMark it", zebra + "<input>image-9</input>"), image=a),
    ]
    return text(folder / "data.json", records)


SETS: dict[str, Callable[[Path], Path]] = {
    "llava": llava,
    "llava-captions": llava,
    "cc3m": cc3m,
    "webvid": webvid,
    "coco": coco,
    "refcoco": refcoco,
    "flickr30k": flickr30k,
    "vidstg": vidstg,
    "hcstvg": hcstvg,
    "got10k": got10k,
    "lasot": lasot,
    "davis": davis,
    "youtube-vos": youtube_vos,
    "magicbrush": magicbrush,
    "invocations": invocations,
}
