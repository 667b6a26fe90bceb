// SPDX-License-Identifier: MIT
/*
 * The table of SPANHEAP_* options: what is taken, what is refused, what is said.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include <spanheap.h>
#include "../../lib/harden.h"
#include "../../lib/options.h"

static const struct options initial = {
	.release = OPTION_RELEASE_UNSET, .delay_ms = 1000,
};

/* Parse one environment; what was said goes to @said. */
static unsigned int parse(const char *const *env, struct options *o, char said[512])
{
	int fds[2], saved = dup(2);
	unsigned int bad;
	ssize_t n;

	if (pipe(fds))
		return 1000;
	dup2(fds[1], 2);
	*o = initial;
	bad = options_parse((char *const *)env, o);
	dup2(saved, 2);
	close(saved);
	close(fds[1]);
	n = read(fds[0], said, 511);
	said[n > 0 ? n : 0] = '\0';
	close(fds[0]);
	return bad;
}

TEST(good_values)
{
	static const char *const env[] = {
		"PATH=/bin", "SPANHEAP_RELEASE=free", "SPANHEAP_DELAY_MS=0",
		"SPANHEAP_BACKEND=procfs", "SPANHEAP_VERBOSE=1", "SPANHEAP=1",
		"XSPANHEAP_RELEASE=keep", NULL,
	};
	struct options o;
	char said[512];

	EXPECT_EQ(0, parse(env, &o, said));
	EXPECT_EQ(o.release, SPANHEAP_RELEASE_FREE);
	EXPECT_EQ(o.delay_ms, 0);
	EXPECT_EQ(o.backend, OPTION_BACKEND_PROCFS);
	EXPECT_EQ(o.verbose, 1);
	EXPECT_STREQ(said, "");
}

TEST(sets_of_words)
{
	static const struct {
		const char *env[2];
		uint32_t bits;
	} sets[] = {
		{ { "SPANHEAP_HARDENED=0" }, 0 },
		{ { "SPANHEAP_HARDENED=1" }, 15 },
		{ { "SPANHEAP_HARDENED=guard" }, HARDEN_GUARD },
		{ { "SPANHEAP_HARDENED=zero,canary" }, HARDEN_ZERO | HARDEN_CANARY },
		{ { "SPANHEAP_HARDENED=random,random" }, HARDEN_RANDOM },
	};
	struct options o;
	char said[512];

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		EXPECT_EQ(0, parse(sets[i].env, &o, said));
		EXPECT_EQ(o.hardened, sets[i].bits);
	}
}

TEST(bad_values_are_told_and_change_nothing)
{
	static const char *const bad[] = {
		"SPANHEAP_RELEASE=", "SPANHEAP_RELEASE=fre", "SPANHEAP_RELEASE=freee",
		"SPANHEAP_RELEASE=Free", "SPANHEAP_RELEASE=0", "SPANHEAP_DELAY_MS=",
		"SPANHEAP_DELAY_MS=-1", "SPANHEAP_DELAY_MS=1s", "SPANHEAP_DELAY_MS= 1",
		"SPANHEAP_DELAY_MS=86400001", "SPANHEAP_DELAY_MS=18446744073709551617",
		"SPANHEAP_BACKEND=magic", "SPANHEAP_HARDENED=",
		"SPANHEAP_HARDENED=2", "SPANHEAP_HARDENED=guard,", "SPANHEAP_HARDENED=guards",
		"SPANHEAP_HARDENED=guard zero", "SPANHEAP_VERBOSE=2", "SPANHEAP_NODES=2",
	};
	struct options o;
	char said[512];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *env[] = { bad[i], NULL };

		EXPECT_EQ(1, parse(env, &o, said)) TH_LOG("%s", bad[i]);
		EXPECT_EQ(0, memcmp(&o, &initial, sizeof(o)));
		/* One line, with the variable and its value in it. */
		EXPECT_EQ(said + strlen(said) - 1, strchr(said, '\n'));
		EXPECT_NE(NULL, strstr(said, bad[i]));
		EXPECT_NE(NULL, strstr(said, "expected"));
	}
}

TEST(one_bad_value_does_not_spoil_the_others)
{
	static const char *const env[] = {
		"SPANHEAP_RELEASE=sometimes", "SPANHEAP_DELAY_MS=86400000", NULL,
	};
	struct options o;
	char said[512];

	EXPECT_EQ(1, parse(env, &o, said));
	EXPECT_EQ(o.release, OPTION_RELEASE_UNSET);
	EXPECT_EQ(o.delay_ms, 86400000);
}

TEST(names_of_modes)
{
	EXPECT_STREQ(option_release_name(SPANHEAP_RELEASE_HANDOVER), "handover");
	EXPECT_STREQ(option_release_name(SPANHEAP_RELEASE_KEEP), "keep");
	EXPECT_EQ(option_release_name(SPANHEAP_RELEASE_KEEP + 1), NULL);
	EXPECT_EQ(option_release_name(OPTION_RELEASE_UNSET), NULL);
}

TEST_HARNESS_MAIN
