# SPDX-License-Identifier: MIT
"""Documents to text and back, dictionaries, sorting, classes, big lists."""
import json
import re


class Item:
    """An object with attributes of its own."""

    def __init__(self, number):
        self.name = f"item {number * 7919 % 30011}"
        self.tags = [f"tag{number % k}" for k in range(2, 8)]
        self.next = None


def main():
    """A fixed amount of work; prints a checksum."""
    items = [Item(i) for i in range(30000)]
    for first, second in zip(items, items[1:]):
        first.next = second
    text = json.dumps([{"name": i.name, "tags": i.tags} for i in items])
    total = sum(len(entry["tags"]) for entry in json.loads(text))
    words = re.findall(r"\w+", text)
    counts = {}
    for word in words:
        counts.setdefault(word, []).append(len(counts))
    total += sum(len(v) for v in sorted(counts.values(), key=len))
    for size in range(1, 400):
        rows = [[0] * size for _ in range(40)]
        total += len(rows) + len("x" * size * 500)
    text = ""
    for word in words[:60000]:
        text += word
    print(total + len(text))


main()
