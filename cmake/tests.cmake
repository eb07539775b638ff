# How tests are declared besides unit tests (house.cmake). Every test has one label, the suite it belongs to:
# unit, golden, conformance, integration, fuzz or cluster; scripts/test runs the suites.

# Debian's Python has the packages of scripts/packages.txt, whichever other comes first on PATH.
set(PYTHON /usr/bin/python3)

# add_python_test(name SCRIPT test_x.py LABEL suite [TIMEOUT seconds]): a script that exits with 0 when all is well.
# It finds the built programs in $OPENSHELL_PROGRAMS.
function(add_python_test name)
  cmake_parse_arguments(TEST "" "SCRIPT;LABEL;TIMEOUT" "" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 120)
  endif()
  get_filename_component(script "${TEST_SCRIPT}" ABSOLUTE)
  add_test(NAME ${name} COMMAND ${PYTHON} ${script})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT} LABELS ${TEST_LABEL}
    ENVIRONMENT "OPENSHELL_PROGRAMS=${CMAKE_BINARY_DIR}/bin;PYTHONDONTWRITEBYTECODE=1")
endfunction()
