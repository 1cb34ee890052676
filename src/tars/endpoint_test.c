// endpoint_test.c - endpoint and object texts, good and bad.
#include "tars/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *text;
	const char *format;
} good[] = {
        {"tcp -h 10.0.0.7 -p 9001 -t 60000", "tcp -h 10.0.0.7 -p 9001 -t 60000"},
        {"tcp -h 127.0.0.1 -p 17890", "tcp -h 127.0.0.1 -p 17890 -t 3000"},
        {"udp -p 0 -h * -t 0", "udp -h 0.0.0.0 -p 0 -t 0"},
        {"ssl -h a.b-c_d.example -p 65535", "ssl -h a.b-c_d.example -p 65535 -t 3000"},
        {"tcp -p 1", "tcp -h 127.0.0.1 -p 1 -t 3000"},
        {"TCP -H Host -P 1 -T 2", "tcp -h Host -p 1 -t 2"},
        {" \ttcp  -h\ta   -p 1 \r\n", "tcp -h a -p 1 -t 3000"},
        {"tcp -h fe80::1:2 -p 1", "tcp -h fe80::1:2 -p 1 -t 3000"},
        {"tcp -h [::1] -p 1", "tcp -h [::1] -p 1 -t 3000"},
        {"tcp -h a -p 1 -g 3 -q 8 -w 50 -v 1 -e 1",
         "tcp -h a -p 1 -t 3000 -g 3 -q 8 -w 50 -v 1 -e 1"},
        {"tcp -h a -p 1 -v 1", "tcp -h a -p 1 -t 3000 -w 100 -v 1"},
        {"tcp -h a -p 1 -w -1", "tcp -h a -p 1 -t 3000"},
        {"tcp -h a -p 1 -w 0", "tcp -h a -p 1 -t 3000 -w 0"},
        {"tcp -h a -p 1 -g -1", "tcp -h a -p 1 -t 3000 -g -1"},
        {"tcp -s name.sz.1 -b * -h a -p 1", "tcp -h a -p 1 -t 3000 -b 0.0.0.0 -s name.sz.1"},
        {"tcp -h a -p 1 -a 1 -z zzz", "tcp -h a -p 1 -t 3000"},
        {"tcp -h a -x -p 1 -y", "tcp -h a -p 1 -t 3000"},
        {"tcp -h a -p 1 -p 2", "tcp -h a -p 2 -t 3000"},
        {"tcp -h /run/kipp/x-1.sock -p 0", "tcp -h /run/kipp/x-1.sock -p 0 -t 3000"},
};

static const struct {
	const char *text;
	const char *why;
} bad[] = {
        {"", "endpoint \"\": expected tcp, udp or ssl, found its end"},
        {"http -h a -p 1",
         "endpoint \"http -h a -p 1\": expected tcp, udp or ssl, found \"http\" at column 1"},
        {"tcp", "endpoint \"tcp\": expected a port, as in -p 9001, found its end"},
        {"tcp -h a -p", "endpoint \"tcp -h a -p\": expected a number from 0 to 65535 after -p, "
                        "found its end"},
        {"tcp -h a -p 65536", "endpoint \"tcp -h a -p 65536\": expected a number from 0 to 65535 "
                              "after -p, found \"65536\" at column 13"},
        {"tcp -h -p 1",
         "endpoint \"tcp -h -p 1\": expected a host after -h, found \"-p\" at column 8"},
        {"tcp -h a -p 1x", NULL},
        {"tcp -h a -p 1 -t -1", NULL},
        {"tcp -h a -p 1 -w 101", NULL},
        {"tcp -h a -p 1 -v 2", NULL},
        {"tcp -h a -p 1 -e 2", NULL},
        {"tcp -h a -p 1 -t 99999999999999999999", NULL},
        {"tcp -h a,b -p 1", NULL},
        {"tcp -h a -p 1 -s", NULL},
        {"tcp -h a -p 1 -b", NULL},
        {"tcp -h a -p 1 stray", NULL},
        {"tcp -host a -p 1", NULL},
        {"tcp -h a -p 1:", NULL},
        {"tcp-h a -p 1", NULL},
};

static void good_endpoints_are_read_and_written(void **state)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		struct kp_endpoint endpoint, again;
		struct kp_why why = {0};
		kp_err err = kp_endpoint_parse(kp_str(good[i].text), &endpoint, &why);
		assert_string_equal(why.text, "");
		assert_int_equal(err, KP_OK);
		struct kp_buf out = {0};
		assert_int_equal(kp_endpoint_format(&endpoint, &out), KP_OK);
		kp_buf_append_byte(&out, '\0');
		assert_string_equal((char *)out.data, good[i].format);
		assert_int_equal(kp_endpoint_parse(kp_str((char *)out.data), &again, NULL), KP_OK);
		assert_true(kp_endpoint_equal(&endpoint, &again));
		assert_true(kp_endpoint_is_text(kp_str(good[i].text)));
		kp_buf_fini(&out);
	}
}

static void bad_endpoints_say_what_was_expected_and_where(void **state)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct kp_endpoint endpoint = {.port = 42};
		struct kp_why why = {0};
		assert_int_equal(kp_endpoint_parse(kp_str(bad[i].text), &endpoint, &why),
		                 KP_ERR_INVALID);
		assert_int_equal(endpoint.port, 42);
		if (bad[i].why)
			assert_string_equal(why.text, bad[i].why);
		else
			assert_non_null(strstr(why.text, "expected"));
	}
}

static void lists_are_split_where_a_protocol_follows(void **state)
{
	struct kp_str rest = kp_str("tcp -h ::1 -p 1:udp -h fe80::2:1 -p 2 : TCP -h c -p 3");
	static const char *const hosts[] = {"::1", "fe80::2:1", "c"};
	struct kp_endpoint endpoint;
	for (size_t i = 0; i < COUNT(hosts); i++) {
		assert_int_equal(kp_endpoint_next(&rest, &endpoint, NULL), KP_OK);
		assert_true(kp_str_equal(endpoint.host, kp_str(hosts[i])));
		assert_int_equal(endpoint.port, i + 1);
	}
	assert_int_equal(kp_endpoint_next(&rest, &endpoint, NULL), KP_ERR_NOTFOUND);
}

static void objects_are_a_name_and_maybe_endpoints(void **state)
{
	struct kp_object object;
	struct kp_why why = {0};
	assert_int_equal(kp_object_parse(kp_str("A.B.CObj"), &object, &why), KP_OK);
	assert_true(kp_str_equal(object.name, kp_str("A.B.CObj")));
	assert_int_equal(object.endpoints.len, 0);
	assert_int_equal(
	        kp_object_parse(kp_str(" A.B.CObj#3@tcp -h a -p 1:udp -h b -p 2 "), &object, &why),
	        KP_OK);
	assert_true(kp_str_equal(object.name, kp_str("A.B.CObj")));
	assert_int_equal(object.group, 3);
	assert_true(kp_str_equal(object.endpoints, kp_str("tcp -h a -p 1:udp -h b -p 2")));
	assert_false(kp_endpoint_is_text(kp_str("tcpObj@tcp -h a -p 1")));

	static const char *const wrong[] = {"",
	                                    "@",
	                                    "@tcp -h a -p 1",
	                                    "A.B.CObj@",
	                                    "A B",
	                                    "A:B",
	                                    "A#",
	                                    "A#x",
	                                    "A#1#2",
	                                    "A@B",
	                                    "A@tcp -h a",
	                                    "A@@tcp -p 1",
	                                    "A@tcp -p 1:udp -p x"};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		why.text[0] = '\0';
		assert_int_equal(kp_object_parse(kp_str(wrong[i]), &object, &why), KP_ERR_INVALID);
		assert_string_not_equal(why.text, "");
	}
}

static void hosts_that_would_not_be_read_back_are_refused(void **state)
{
	static const char *const hosts[] = {"", "a b", "*", "fe80:tcp", "a@b", "-p", "a\n"};
	for (size_t i = 0; i < COUNT(hosts); i++) {
		struct kp_buf out = {0};
		struct kp_endpoint endpoint = {.protocol = KP_PROTOCOL_TCP,
		                               .host = kp_str(hosts[i])};
		assert_int_equal(kp_endpoint_format(&endpoint, &out), KP_ERR_ENCODE);
		assert_int_equal(out.len, 0);
		kp_buf_fini(&out);
	}
}

static void long_texts_are_cut_in_messages(void **state)
{
	char text[2000];
	memset(text, 'x', sizeof(text));
	struct kp_endpoint endpoint;
	struct kp_object object;
	struct kp_why why;
	struct kp_str str = {text, sizeof(text)};
	assert_int_equal(kp_endpoint_parse(str, &endpoint, &why), KP_ERR_INVALID);
	assert_non_null(strstr(why.text, "expected tcp, udp or ssl"));
	text[0] = '@';
	assert_int_equal(kp_object_parse(str, &object, &why), KP_ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(good_endpoints_are_read_and_written),
	        cmocka_unit_test(bad_endpoints_say_what_was_expected_and_where),
	        cmocka_unit_test(lists_are_split_where_a_protocol_follows),
	        cmocka_unit_test(objects_are_a_name_and_maybe_endpoints),
	        cmocka_unit_test(hosts_that_would_not_be_read_back_are_refused),
	        cmocka_unit_test(long_texts_are_cut_in_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
