// SPDX-License-Identifier: MIT
/*
 * trees - search trees of small nodes with a text each are built up and torn down, in one
 * go or while the next one is built.
 */
#include "harness.h"

struct node {
	struct node *left, *right;
	uint32_t key;
	struct object *text;
};

static struct sizes sizes;

static void insert(struct node **at, uint32_t key, struct random *random)
{
	while (*at)
		at = key < (*at)->key ? &(*at)->left : &(*at)->right;
	*at = malloc(sizeof(**at));
	if (!*at)
		die("malloc returned NULL");
	**at = (struct node){ .key = key, .text = object_new(some_size(&sizes, random)) };
}

static void tear_down(struct node *node)
{
	if (!node)
		return;
	tear_down(node->left);
	tear_down(node->right);
	object_free(node->text);
	free(node);
}

static struct node *build(long nr, struct random *random)
{
	struct node *tree = NULL;

	while (nr--)
		insert(&tree, random_below(random, UINT32_MAX), random);
	return tree;
}

int main(int argc, char **argv)
{
	struct random random = random_from(1);
	struct node *old = NULL, *tree;
	long rounds, nodes;

	parameters_begin(argc, argv);
	rounds = parameter("rounds", 20);
	nodes = scaled(parameter("nodes", 60000));
	sizes_from(&sizes, parameter("min", 8), parameter("max", 256));
	parameters_end();
	while (rounds--) {
		tree = build(nodes, &random);
		if (rounds % 2) {
			tear_down(old);
			old = tree;
		} else {
			tear_down(tree);
		}
	}
	tear_down(old);
	return 0;
}
