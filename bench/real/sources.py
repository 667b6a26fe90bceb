#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""sources.py DIRECTORY: writes what the compilers compile: source.c, many functions of
loops and tables; source.cc, headers of the standard library and templates made of them.
"""
import sys

FUNCTION = """
struct record_{i} {{ int key; double weight[{n}]; char name[{m}]; struct record_{i} *next; }};
static int table_{i}[] = {{ {numbers} }};
int walk_{i}(struct record_{i} *first, int limit)
{{
	int sum = {i};
	for (struct record_{i} *r = first; r; r = r->next) {{
		for (int j = 0; j < {n}; j++) {{
			if (r->key > limit + j)
				sum += table_{i}[j % {n}] * (int)r->weight[j];
			else if (r->name[j % {m}] == 'a' + {i} % 26)
				sum ^= r->key << (j & 7);
		}}
		switch (r->key % {n}) {{
{cases}
		default: sum--;
		}}
	}}
	return sum{call};
}}
"""

HEADERS = """algorithm chrono deque functional future iostream list map memory numeric random
regex set sstream string thread tuple unordered_map variant vector""".split()

TEMPLATE = """
struct key_{i} {{ int a; std::string b; bool operator<(const key_{i} &o) const {{ return std::tie(a, b) < std::tie(o.a, o.b); }} }};
int use_{i}(const std::vector<std::string> &words)
{{
	std::map<key_{i}, std::vector<std::pair<int, std::string>>> found;
	std::unordered_map<std::string, std::set<int>> places;
	for (auto &word : words) {{
		found[key_{i}{{ {i}, word }}].emplace_back({i}, word);
		places[word].insert({i});
	}}
	std::deque<key_{i}> queue;
	for (auto &[key, values] : found) {{
		std::sort(values.begin(), values.end());
		queue.push_back(key);
	}}
	std::function<int(const key_{i} &)> size = [&](const key_{i} &key) {{ return key.a + int(places[key.b].size()); }};
	return std::accumulate(queue.begin(), queue.end(), 0, [&](int sum, const key_{i} &key) {{ return sum + size(key); }});
}}
"""


def c_source(functions):
    """One function after the other, each calls the one before."""
    text = []
    for i in range(functions):
        n = 5 + i % 11
        text.append(FUNCTION.format(
            i=i, n=n, m=8 + i % 40, numbers=", ".join(str(i * k % 1009) for k in range(n)),
            cases="\n".join(f"\t\tcase {k}: sum += table_{i}[{k}] * {k + i}; break;" for k in range(n - 1)),
            call=f" + walk_{i - 1}((struct record_{i - 1} *)0, limit)" if i else ""))
    return "".join(text)


def cc_source(functions):
    """Headers, then functions that use many of their templates with types of their own."""
    return "".join(f"#include <{name}>\n" for name in HEADERS) + \
        "".join(TEMPLATE.format(i=i) for i in range(functions))


def main():
    """Write both."""
    for name, text in ("source.c", c_source(100)), ("source.cc", cc_source(2)):
        with open(f"{sys.argv[1]}/{name}", "w", encoding="ascii") as f:
            f.write(text)


main()
