#include "tests/test.h"

#include "site/spec.h"

static struct site site;
static struct site_spec s;

static const struct place_spec *
spec_of(const char *place)
{
	return site_spec(&s, &site, site_place(&site, place));
}

static int
load(void **state)
{
	(void)state;
	(void)setenv("HOME", "/home/oncall", 1);
	return site_load(&site, "tests/data/site/design.cfg") ? 0 : -1;
}

static int
release(void **state)
{
	(void)state;
	site_release(&site);
	return 0;
}

static void
a_host_has_what_the_site_says(void **state)
{
	const struct place_spec *p = spec_of("bastion");

	(void)state;
	assert_non_null(p);
	assert_string_equal(p->name, "bastion");
	assert_string_equal(p->user, "ops");
	assert_string_equal(p->host, "bastion.internal");
	assert_int_equal(p->port, 22);
	assert_string_equal(p->identity, "/home/oncall/.ssh/id_ed25519");
	assert_string_equal(p->known_hosts, "/home/oncall/.ssh/known_hosts");
	assert_null(p->via);
	assert_null(p->at);
	assert_null(p->container);
	assert_null(p->config);
	assert_false(p->system_ssh);
}

static void
a_host_behind_a_bastion_has_it_in_front(void **state)
{
	const struct place_spec *p = spec_of("legacy");

	(void)state;
	assert_string_equal(p->host, "legacy-arp");
	assert_null(p->identity);
	assert_non_null(p->via);
	assert_string_equal(p->via->name, "bastion");
	assert_string_equal(p->via->identity, "/home/oncall/.ssh/id_ed25519");
	assert_null(p->via->via);
	assert_int_equal(s.n, 2);
}

static void
a_container_stands_on_its_host_and_that_on_the_bastion(void **state)
{
	const struct place_spec *p = spec_of("arp-box");

	(void)state;
	assert_string_equal(p->container, "arp-db-prod");
	assert_string_equal(p->runtime, "docker");
	assert_null(p->host);
	assert_null(p->via);
	assert_string_equal(p->at->name, "legacy");
	assert_null(p->at->container);
	assert_string_equal(p->at->via->host, "bastion.internal");
	assert_int_equal(s.n, 3);
}

static void
a_port_that_was_not_stated_is_left_to_the_ssh_configuration(void **state)
{
	(void)state;
	assert_int_equal(site_place(&site, "nas-box")->port, 22);
	assert_int_equal(spec_of("nas-box")->port, 0);
	assert_int_equal(spec_of("legacy")->via->port, 22);
}

static void
no_place_is_here(void **state)
{
	(void)state;
	assert_null(site_spec(&s, &site, NULL));
	assert_int_equal(s.n, 0);
}

static void
a_podman_container_may_be_here_and_a_chain_as_long_as_a_site_allows(
    void **state)
{
	struct buf b = BUF_INIT;
	struct site own = { 0 };
	const struct place_spec *p;
	size_t n = 0;

	(void)state;
	buf_str(&b, "site = { name = \"a\"; };\nplaces = ( { name = \"box\"; "
	    "container = \"db\"; runtime = \"podman\"; }, "
	    "{ name = \"p0\"; ssh = \"h0\"; }");
	for (int i = 1; i <= SITE_HOPS; i++)
		buf_printf(&b, ", { name = \"p%d\"; ssh = \"h%d\"; via = \"p%d\";"
		    " }", i, i, i - 1);
	buf_str(&b, " );\n");
	assert_true(site_parse(&own, "site.cfg", b.p, b.n));
	p = site_spec(&s, &own, site_place(&own, "box"));
	assert_string_equal(p->runtime, "podman");
	assert_null(p->at);
	for (p = site_spec(&s, &own, site_place(&own, "p8")); p; p = p->via)
		n++;
	assert_int_equal(n, SITE_SPEC_DEPTH);
	assert_string_equal(s.v[SITE_HOPS].host, "h0");
	site_release(&own);
	buf_release(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_host_has_what_the_site_says),
	cmocka_unit_test(a_host_behind_a_bastion_has_it_in_front),
	cmocka_unit_test(a_container_stands_on_its_host_and_that_on_the_bastion),
	cmocka_unit_test(
	    a_port_that_was_not_stated_is_left_to_the_ssh_configuration),
	cmocka_unit_test(no_place_is_here),
	cmocka_unit_test(
	    a_podman_container_may_be_here_and_a_chain_as_long_as_a_site_allows),
};

int
main(void)
{
	return cmocka_run_group_tests_name("spec", tests, load, release);
}
