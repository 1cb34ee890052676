// conf_test.c - configurations: read, found, merged, written, and refused with a reason.
#include "tars/conf.h"

#include "base/arena.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct fixture {
	struct kp_arena arena;
	struct kp_conf conf;
	struct kp_why why;
};

static void init(struct fixture *f)
{
	*f = (struct fixture){0};
	kp_conf_init(&f->conf, &f->arena);
}

static void fini(struct fixture *f)
{
	kp_arena_fini(&f->arena);
}

static kp_err parse(struct fixture *f, const char *text)
{
	return kp_conf_parse(&f->conf, kp_str(text), &f->why);
}

static void assert_value(struct fixture *f, const char *path, const char *want)
{
	struct kp_str value = {0};
	bool found = kp_conf_get(&f->conf, path, &value);
	assert_int_equal(found, want != NULL);
	if (want)
		assert_true(kp_str_equal(value, kp_str(want)));
}

static void assert_format(struct fixture *f, const char *want)
{
	struct kp_buf out = {0};
	assert_int_equal(kp_conf_format(&f->conf, &out, &f->why), KP_OK);
	kp_buf_append_byte(&out, '\0');
	assert_string_equal((char *)out.data, want);
	kp_buf_fini(&out);
}

static void values_are_found_by_their_path(void **state)
{
	struct fixture f;
	init(&f);
	assert_int_equal(parse(&f, "<tars>\r\n"
	                           "  # <not> a=section\r\n"
	                           "  <application>\r\n"
	                           "\tenableset = n\r\n"
	                           "    <server>\r\n"
	                           "      local=tcp -h 127.0.0.1 -p 1 -t 3000\r\n"
	                           "      jvmparams=-Dx=y -Dz\\=w\r\n"
	                           "      allow\r\n"
	                           "      deny=\r\n"
	                           "      lines=a\\nb\\t\\r\\\\c\r\n"
	                           "      <A.B.CObjAdapter>\r\n"
	                           "        servant=A.B.CObj\r\n"
	                           "      </A.B.CObjAdapter>\r\n"
	                           "    </server>\r\n"
	                           "  </application>\r\n"
	                           "</tars>"),
	                 KP_OK);
	assert_value(&f, "/tars/application<enableset>", "n");
	assert_value(&f, "/tars/application/server<local>", "tcp -h 127.0.0.1 -p 1 -t 3000");
	assert_value(&f, "/tars/application/server<jvmparams>", "-Dx=y -Dz=w");
	assert_value(&f, "/tars/application/server<allow>", "");
	assert_value(&f, "/tars/application/server<deny>", "");
	assert_value(&f, "/tars/application/server<lines>", "a\nb\t\r\\c");
	assert_value(&f, "/tars/application/server/A.B.CObjAdapter<servant>", "A.B.CObj");
	assert_value(&f, "tars/application//server/<local>", "tcp -h 127.0.0.1 -p 1 -t 3000");
	assert_value(&f, "/tars/application/server", NULL);
	assert_value(&f, "/tars/application/server<nothing>", NULL);
	assert_value(&f, "/tars/nothing/server<local>", NULL);
	assert_value(&f, "/tars/application/server<", NULL);
	assert_value(&f, "", NULL);
	assert_ptr_equal(kp_conf_find(&f.conf, kp_str("/")), &f.conf.root);
	assert_int_equal(kp_conf_find(&f.conf, kp_str("/tars/application/server<allow>"))->line, 8);
	fini(&f);
}

static void repeated_sections_continue_and_the_last_value_wins(void **state)
{
	struct fixture f;
	init(&f);
	assert_int_equal(
	        parse(&f, "k=1\n<a>\nx=1\ny=1\n</a>\n<b>\n</b>\n<a>\ny=2\nz=2\n</a>\nk=2\n"),
	        KP_OK);
	assert_format(&f, "k=2\n<a>\n  x=1\n  y=2\n  z=2\n</a>\n<b>\n</b>\n");
	assert_int_equal(parse(&f, "<b>\na=3\n<a>\n</a>\n</b>\n<a>\nx=3\n</a>"), KP_OK);
	assert_format(&f, "k=2\n<a>\n  x=3\n  y=2\n  z=2\n</a>\n<b>\n  a=3\n  <a>\n  </a>\n</b>\n");
	fini(&f);
}

static void members_are_walked_in_order(void **state)
{
	struct fixture f;
	init(&f);
	struct kp_buf text = {0};
	for (int i = 0; i < 1000; i++)
		kp_buf_printf(&text, "k%d=%d\n<s%d>\n</s%d>\n", i, i, i, i);
	assert_int_equal(kp_conf_parse(&f.conf, kp_buf_str(&text), NULL), KP_OK);
	int count = 0;
	for (struct kp_conf_node *node = NULL;
	     (node = kp_conf_next(&f.conf.root, node, KP_CONF_KEY)); count++) {
		char want[16];
		snprintf(want, sizeof(want), "k%d", count);
		assert_true(kp_str_equal(node->name, kp_str(want)));
		assert_ptr_equal(kp_conf_member(&f.conf.root, KP_CONF_KEY, kp_str(want)), node);
	}
	assert_int_equal(count, 1000);
	for (struct kp_conf_node *node = NULL;
	     (node = kp_conf_next(&f.conf.root, node, KP_CONF_SECTION));)
		count--;
	assert_int_equal(count, 0);
	kp_buf_fini(&text);
	fini(&f);
}

static void trees_are_changed_and_merged(void **state)
{
	struct fixture f, over;
	init(&f);
	init(&over);
	assert_int_equal(kp_conf_set(&f.conf, kp_str("/tars/application/server<app>"), kp_str("A")),
	                 KP_OK);
	assert_int_equal(kp_conf_set(&f.conf, kp_str("/tars/application/server<app>"), kp_str("B")),
	                 KP_OK);
	assert_int_equal(kp_conf_set(&f.conf, kp_str("/tars/empty"), kp_str("")), KP_OK);
	assert_int_equal(kp_conf_set(&f.conf, kp_str("/tars<x"), kp_str("")), KP_ERR_INVALID);
	assert_int_equal(kp_conf_set(&f.conf, kp_str("/tars<>"), kp_str("")), KP_ERR_INVALID);
	assert_int_equal(parse(&over, "<tars>\n<application>\n<server>\napp=C\nlogLevel=INFO\n"
	                              "</server>\n</application>\n</tars>\n"),
	                 KP_OK);
	assert_int_equal(kp_conf_merge(&f.conf, &over.conf), KP_OK);
	fini(&over); // nothing of it may be looked into
	assert_format(&f, "<tars>\n  <application>\n    <server>\n      app=C\n"
	                  "      logLevel=INFO\n    </server>\n  </application>\n"
	                  "  <empty>\n  </empty>\n</tars>\n");
	fini(&f);
}

static const struct {
	const char *text;
	const char *why;
} bad[] = {
        {"<tars", "1:6: expected '>' at the end of the tag"},
        {"\n  <>", "2:4: expected a section's name after '<'"},
        {"<a>\n</ >", "2:3: expected a section's name after '</'"},
        {"<a>\n <b>\n </a>\n", "3:2: expected </b> for the one of line 2, found </a>"},
        {"<a>\n<b>\n</b>\n", "4:1: expected </a> for the one of line 1, found the end of the text"},
        {"</a>", "1:1: found </a>, but no section is open"},
        {"<a> k=v", "1:5: expected one tag or key to a line, found more behind '>'"},
        {"<a></a>", "1:4: expected one tag or key to a line, found more behind '>'"},
        {"<a/>", "1:3: expected <a> and </a>, as not every reader knows a tag that closes itself"},
        {"<a b>", "1:3: expected a section's name after '<' without ' '"},
        {"<a<b>", "1:3: expected a section's name after '<' without '<'"},
        {"k=\\d", "1:3: expected one of \\\\ \\r \\n \\t \\= , write a backslash as \\\\"},
        {"k=a\\", "1:4: expected one of \\\\ \\r \\n \\t \\= , write a backslash as \\\\"},
        {" = v", "1:2: expected a key before '='"},
        {"k=a\x01", "1:4: expected text, found the byte 0x01"},
        {"k=a\rb", "1:4: expected text, found the byte 0x0d"},
};

static void bad_texts_say_where_and_what_was_expected(void **state)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct fixture f;
		init(&f);
		assert_int_equal(parse(&f, bad[i].text), KP_ERR_INVALID);
		assert_string_equal(f.why.text, bad[i].why);
		fini(&f);
	}
	struct fixture f;
	init(&f);
	assert_int_equal(kp_conf_parse(&f.conf, (struct kp_str){"k\0", 2}, &f.why), KP_ERR_INVALID);
	assert_int_equal(kp_conf_parse(&f.conf, (struct kp_str){"", KP_CONF_SIZE_MAX + 1}, &f.why),
	                 KP_ERR_LIMIT);
	assert_int_equal(kp_conf_parse(&f.conf, (struct kp_str){0}, &f.why), KP_OK);
	assert_int_equal(parse(&f, "\xef\xbb\xbfk=v"), KP_OK);
	assert_value(&f, "<k>", "v");
	fini(&f);
}

static kp_err parse_nested(int depth)
{
	struct fixture f;
	init(&f);
	struct kp_buf text = {0};
	for (int i = 0; i < depth; i++)
		kp_buf_append_str(&text, kp_str("<a>\n"));
	for (int i = 0; i < depth; i++)
		kp_buf_append_str(&text, kp_str("</a>\n"));
	kp_err err = kp_conf_parse(&f.conf, kp_buf_str(&text), NULL);
	kp_buf_fini(&text);
	fini(&f);
	return err;
}

static void nesting_is_bounded(void **state)
{
	assert_int_equal(parse_nested(KP_CONF_DEPTH_MAX), KP_OK);
	assert_int_equal(parse_nested(KP_CONF_DEPTH_MAX + 1), KP_ERR_LIMIT);
	assert_int_equal(parse_nested(10000), KP_ERR_LIMIT);
}

static void what_not_every_parser_reads_is_not_written(void **state)
{
	static const struct {
		const char *path, *value;
		bool is_fine;
	} rows[] = {
	        {"/a<k>", "tcp -h 1.2.3.4 -p 5:udp -h ::1 -p 6", true},
	        {"/a<k>", "-Dx=y #z ${app} 100% \"q\" 'q'", true},
	        {"/a<k>", "\xe4\xbd\xa0\xe5\xa5\xbd", true},
	        {"/a<k>", "", true},
	        {"/A.B.CObjAdapter<k>", "v", true},
	        {"/a<k>", "a&b", false},
	        {"/a<k>", "a<b", false},
	        {"/a<k>", "a>b", false},
	        {"/a<k>", "a\\b", false},
	        {"/a<k>", "a\nb", false},
	        {"/a<k>", " a", false},
	        {"/a<k>", "a ", false},
	        {"/a<k>", "\xff", false},
	        {"/a<k>", "\xc0\x80", false},
	        {"/a<k>", "\xed\xa0\x80", false},
	        {"/a<k>", "\xe4\xbd", false},
	        {"/a<#k>", "v", false},
	        {"/a<k=l>", "v", false},
	        {"/a< k>", "v", false},
	        {"/a<k&l>", "v", false},
	        {"/a<\xe4\xbd\xa0>", "v", false},
	        {"/1a<k>", "v", false},
	        {"/a b<k>", "v", false},
	        {"/a&b<k>", "v", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fixture f;
		init(&f);
		struct kp_buf out = {0};
		assert_int_equal(kp_conf_set(&f.conf, kp_str(rows[i].path), kp_str(rows[i].value)),
		                 KP_OK);
		kp_err err = kp_conf_format(&f.conf, &out, &f.why);
		assert_int_equal(err, rows[i].is_fine ? KP_OK : KP_ERR_ENCODE);
		assert_int_equal(f.why.text[0] == '\0', rows[i].is_fine);
		if (rows[i].is_fine) {
			struct fixture again;
			init(&again);
			assert_int_equal(kp_conf_parse(&again.conf, kp_buf_str(&out), NULL), KP_OK);
			assert_value(&again, rows[i].path, rows[i].value);
			fini(&again);
		}
		kp_buf_fini(&out);
		fini(&f);
	}
}

static kp_err round_trip(void)
{
	struct fixture f, over;
	init(&f);
	init(&over);
	struct kp_buf out = {0};
	kp_err err = parse(&f, "<a>\nk=x\\=y\n</a>\n");
	if (err == KP_OK)
		err = parse(&over, "<a>\n<b>\nl=1\n</b>\n</a>\n");
	if (err == KP_OK)
		err = kp_conf_merge(&f.conf, &over.conf);
	if (err == KP_OK)
		err = kp_conf_set(&f.conf, kp_str("/c<d>"), kp_str("e"));
	if (err == KP_OK)
		err = kp_conf_format(&f.conf, &out, NULL);
	kp_buf_fini(&out);
	fini(&over);
	fini(&f);
	return err;
}

static void every_allocation_may_fail(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		kp_err err = round_trip();
		assert_int_equal(err, kp_mem_has_failed() ? KP_ERR_NOMEM : KP_OK);
		assert_int_equal(kp_mem_live(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(values_are_found_by_their_path),
	        cmocka_unit_test(repeated_sections_continue_and_the_last_value_wins),
	        cmocka_unit_test(members_are_walked_in_order),
	        cmocka_unit_test(trees_are_changed_and_merged),
	        cmocka_unit_test(bad_texts_say_where_and_what_was_expected),
	        cmocka_unit_test(nesting_is_bounded),
	        cmocka_unit_test(what_not_every_parser_reads_is_not_written),
	        cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
