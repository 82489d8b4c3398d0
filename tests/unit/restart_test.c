// SPDX-License-Identifier: GPL-2.0
/* When hvctl starts a cell again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tools/hvctl/restart.h"

static void reasons(void **state)
{
	static const struct {
		uint8_t restart;
		enum restart failed, reset;
	} cases[] = {
		{ 0, RESTART_NEVER, RESTART_NEVER },
		{ CL_RESTART_ON_FAILURE, RESTART_NOW, RESTART_NEVER },
		{ CL_RESTART_ON_REBOOT, RESTART_NEVER, RESTART_NOW },
		{ CL_RESTART_FLAGS, RESTART_NOW, RESTART_NOW },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cl_config config = { .restart = cases[i].restart };
		struct restarts r = { 0 };

		assert_int_equal(restart_decide(&r, &config, CL_STATE_FAILED, 1), cases[i].failed);
		assert_int_equal(restart_decide(&r, &config, CL_STATE_RESET, 2), cases[i].reset);
		assert_int_equal(restart_decide(&r, &config, CL_STATE_SHUT_DOWN, 3), RESTART_NEVER);
		assert_int_equal(restart_decide(&r, &config, CL_STATE_STOPPED, 4), RESTART_NEVER);
	}
}

static void limits(void **state)
{
	struct cl_config config = { .restart = CL_RESTART_FLAGS,
				    .restart_limit = 2,
				    .restart_seconds = 10 };
	struct restarts r = { 0 };

	(void)state;
	assert_int_equal(restart_decide(&r, &config, CL_STATE_FAILED, 1000), RESTART_NOW);
	assert_int_equal(restart_decide(&r, &config, CL_STATE_RESET, 5000), RESTART_NOW);
	assert_int_equal(restart_decide(&r, &config, CL_STATE_FAILED, 10999), RESTART_TOO_MANY);
	/* what was refused does not count, and the first one is long enough ago now */
	assert_int_equal(restart_decide(&r, &config, CL_STATE_FAILED, 11000), RESTART_NOW);
	assert_int_equal(restart_decide(&r, &config, CL_STATE_FAILED, 14999), RESTART_TOO_MANY);
	assert_int_equal(restart_decide(&r, &config, CL_STATE_FAILED, 15000), RESTART_NOW);
}

static void defaults_and_extremes(void **state)
{
	struct cl_config config = { .restart = CL_RESTART_ON_FAILURE };
	struct restarts r = { 0 };
	unsigned int i;

	(void)state;
	assert_int_equal(restart_limit(&config), 5);
	assert_int_equal(restart_seconds(&config), 60);
	for (i = 0; i < 5; i++)
		assert_int_equal(restart_decide(&r, &config, CL_STATE_FAILED, i), RESTART_NOW);
	assert_int_equal(restart_decide(&r, &config, CL_STATE_FAILED, 59999), RESTART_TOO_MANY);
	config.restart_limit = UINT8_MAX;
	config.restart_seconds = UINT16_MAX;
	r = (struct restarts){ 0 };
	for (i = 0; i < 1000; i++)
		assert_int_equal(restart_decide(&r, &config, CL_STATE_FAILED, i),
				 i < UINT8_MAX ? RESTART_NOW : RESTART_TOO_MANY);
	assert_int_equal(restart_decide(&r, &config, CL_STATE_FAILED, UINT16_MAX * 1000ULL),
			 RESTART_NOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons),
		cmocka_unit_test(limits),
		cmocka_unit_test(defaults_and_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
