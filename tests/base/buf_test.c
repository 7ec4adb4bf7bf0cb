#include "base/buf.h"

#include "tests/test.h"

#include "base/pool.h"
#include "base/vec.h"

static void
it_grows_and_is_always_terminated(void **state)
{
	struct buf b = BUF_INIT;
	size_t n = 0;

	(void)state;
	assert_string_equal(b.p, "");
	for (int i = 0; i < 2000; i++) {
		buf_printf(&b, "%d,", i);
		assert_int_equal(b.p[b.n], '\0');
		assert_true(b.n < b.cap);
	}
	for (const char *p = b.p; *p != '\0'; p++)
		n++;
	assert_int_equal(n, b.n);
	buf_release(&b);
	assert_string_equal(b.p, "");
	buf_release(&b);
}

static void
a_zeroed_one_can_be_added_to(void **state)
{
	struct buf a = { 0 }, b = { 0 }, c = { 0 };

	(void)state;
	buf_add(&a, "x", 1);
	assert_string_equal(a.p, "x");
	buf_add(&b, NULL, 0);
	assert_string_equal(b.p, "");
	buf_cut(&c, 0);
	buf_clear(&c);
	assert_string_equal(c.p, "");
	buf_release(&a);
	buf_release(&b);
	buf_release(&c);
}

static void
it_is_cut_at_both_ends(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_str(&b, "hello world");
	buf_cut(&b, 20);
	assert_string_equal(b.p, "hello world");
	buf_cut(&b, 5);
	assert_string_equal(b.p, "hello");
	buf_drop(&b, 2);
	assert_string_equal(b.p, "llo");
	buf_drop(&b, 9);
	assert_int_equal(b.n, 0);
	assert_string_equal(b.p, "");
	buf_fill(&b, ' ', 3);
	buf_ch(&b, '\0');
	buf_ch(&b, 'x');
	assert_memory_equal(b.p, "   \0x", 6);
	assert_int_equal(b.n, 5);
	buf_release(&b);
}

static void
what_is_detached_belongs_to_the_caller(void **state)
{
	struct buf b = BUF_INIT;
	char *s;

	(void)state;
	s = buf_detach(&b);
	assert_string_equal(s, "");
	free(s);
	buf_str(&b, "mine");
	s = buf_detach(&b);
	assert_string_equal(s, "mine");
	assert_int_equal(b.n, 0);
	buf_str(&b, "again");
	assert_string_equal(b.p, "again");
	buf_release(&b);
	free(s);
}

static void
a_pool_keeps_everything_in_its_place(void **state)
{
	struct pool p = { 0 };
	char *strings[500], *big;

	(void)state;
	for (int i = 0; i < 500; i++)
		strings[i] = pool_printf(&p, "string number %d", i);
	big = pool_alloc(&p, 100000);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(big[i], 0);
	for (int i = 0; i < 500; i++) {
		char want[40];

		(void)snprintf(want, sizeof want, "string number %d", i);
		assert_string_equal(strings[i], want);
		assert_int_equal((uintptr_t)strings[i] % 16, 0);
	}
	assert_string_equal(pool_strn(&p, "abc", 2), "ab");
	assert_string_equal(pool_str(&p, ""), "");
	pool_release(&p);
	assert_null(p.blocks);
	pool_release(&p);
}

static void
a_vector_grows_by_zeroed_elements(void **state)
{
	VEC(struct { int a; char *b; }) v = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(VEC_NEW(&v)->a, 0);
		assert_null(v.v[i].b);
		v.v[i].a = i + 1;
	}
	for (int i = 0; i < 100; i++)
		assert_int_equal(v.v[i].a, i + 1);
	assert_int_equal(v.n, 100);
	VEC_RELEASE(&v);
	assert_null(v.v);
	VEC_RELEASE(&v);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(it_grows_and_is_always_terminated),
	cmocka_unit_test(a_zeroed_one_can_be_added_to),
	cmocka_unit_test(it_is_cut_at_both_ends),
	cmocka_unit_test(what_is_detached_belongs_to_the_caller),
	cmocka_unit_test(a_pool_keeps_everything_in_its_place),
	cmocka_unit_test(a_vector_grows_by_zeroed_elements),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
