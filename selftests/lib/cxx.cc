// SPDX-License-Identifier: MIT
/*
 * operator new and delete in all their forms, from C++. Linked with the library,
 * shared and static.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>
#include <spanheap.h>

static int number, failed;

static void report(bool ok, const char *what)
{
	std::printf("%sok %d %s\n", ok ? "" : "not ", ++number, what);
	failed += !ok;
}

static uint64_t mallocs()
{
	spanheap_memstats stats;

	spanheap_stats(&stats, sizeof(stats));
	return stats.mallocs;
}

struct alignas(256) wide {
	char bytes[300];
};

static const std::size_t too_much = SIZE_MAX / 4;

/* So that the compiler leaves no pair of new and delete out. */
static void *volatile sink;

template <class F> static bool throws_bad_alloc(F f)
{
	try {
		sink = f();
	} catch (const std::bad_alloc &) {
		return true;
	}
	return false;
}

static void plain_forms()
{
	uint64_t before = mallocs();
	bool ok = true;

	for (int i = 0; i < 2000; i++) {
		std::size_t size = 1 + i * 7;
		char *a = static_cast<char *>(operator new(size));
		char *b = static_cast<char *>(operator new[](size));
		char *c = static_cast<char *>(operator new(size, std::nothrow));
		char *d = static_cast<char *>(operator new[](size, std::nothrow));

		std::memset(a, 1, size);
		std::memset(b, 2, size);
		std::memset(c, 3, size);
		std::memset(d, 4, size);
		ok = ok && a[size - 1] == 1 && b[0] == 2 && c[size - 1] == 3;
		operator delete(a);
		operator delete[](b, size);
		operator delete(c, std::nothrow);
		operator delete[](d, std::nothrow);
		operator delete(operator new(size), size);
		operator delete[](operator new[](size));
	}
	report(ok, "plain, sized and nothrow forms");
	report(mallocs() > before, "they are ours");
}

static void aligned_forms()
{
	bool ok = true;

	for (std::size_t align = 32; align <= 65536; align *= 2) {
		std::align_val_t val{align};
		void *a = operator new(100, val), *b = operator new[](5000, val);
		void *c = operator new(100, val, std::nothrow);
		void *d = operator new[](100, val, std::nothrow);

		for (void *p : {a, b, c, d})
			ok = ok && p && reinterpret_cast<std::uintptr_t>(p) % align == 0;
		operator delete(a, val);
		operator delete[](b, 5000, val);
		operator delete(c, val, std::nothrow);
		operator delete[](d, val, std::nothrow);
		operator delete(operator new(100, val), 100, val);
		operator delete[](operator new[](100, val), val);
	}
	report(ok, "aligned forms");

	wide *w = new wide, *many = new wide[10];
	ok = reinterpret_cast<std::uintptr_t>(w) % 256 == 0 &&
	     reinterpret_cast<std::uintptr_t>(many) % 256 == 0;
	sink = w;
	sink = many;
	delete w;
	delete[] many;
	report(ok, "an over-aligned type");
}

static void no_memory()
{
	std::align_val_t align{64};

	report(throws_bad_alloc([] { return operator new(too_much); }), "new throws bad_alloc");
	report(throws_bad_alloc([] { return operator new[](too_much); }), "new[] throws bad_alloc");
	report(throws_bad_alloc([=] { return operator new(too_much, align); }),
	       "aligned new throws bad_alloc");
	report(throws_bad_alloc([=] { return operator new[](too_much, align); }),
	       "aligned new[] throws bad_alloc");
	report(!operator new(too_much, std::nothrow), "nothrow new returns null");
	report(!operator new[](too_much, align, std::nothrow), "aligned nothrow new[] returns null");
}

static int calls;

static void count_then_give_up()
{
	if (++calls == 3)
		std::set_new_handler(nullptr);
}

static void throw_something_else()
{
	throw std::runtime_error("no memory, says the handler");
}

static void throw_bad_alloc()
{
	calls++;
	throw std::bad_alloc();
}

static void handlers()
{
	bool caught = false;

	std::set_new_handler(count_then_give_up);
	report(throws_bad_alloc([] { return operator new(too_much); }) && calls == 3,
	       "the handler is called until there is none");

	std::set_new_handler(throw_something_else);
	try {
		sink = operator new(too_much);
	} catch (const std::runtime_error &) {
		caught = true;
	}
	report(caught, "what a handler throws passes through");

	calls = 0;
	std::set_new_handler(throw_bad_alloc);
	report(!operator new(too_much, std::nothrow) && calls == 1,
	       "nothrow new takes bad_alloc of a handler for null");
	std::set_new_handler(nullptr);
}

static void containers()
{
	std::vector<std::string> v;

	for (int i = 0; i < 20000; i++)
		v.push_back(std::string(i % 300, 'a' + i % 26));
	bool ok = true;
	for (int i = 0; i < 20000; i++)
		ok = ok && v[i] == std::string(i % 300, 'a' + i % 26);
	report(ok, "containers");
}

int main()
{
	std::puts("TAP version 13\n1..14");
	plain_forms();
	aligned_forms();
	no_memory();
	handlers();
	containers();
	return failed ? 1 : 0;
}
