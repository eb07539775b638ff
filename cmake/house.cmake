# What every target of this project is compiled and linked with, and the two ways to declare one.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

set(SANITIZE "" CACHE STRING "Sanitizers, as given to -fsanitize= (empty: none)")
option(COVERAGE "Instrument for line coverage" OFF)
option(FUZZ "Build the fuzz targets with libFuzzer (clang only)" OFF)

add_library(house_warnings INTERFACE)
target_compile_options(house_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
  -Wwrite-strings -Wformat=2 -Wpointer-arith -Wcast-align -Wundef -Wvla -Wimplicit-fallthrough
  -Werror=implicit-function-declaration -Werror=return-type -Werror=incompatible-pointer-types
  # Designated initialisers leave the rest zero on purpose; compound literals of that kind are house style.
  -Wno-missing-field-initializers)
option(WARNINGS_AS_ERRORS "Treat every warning as an error" ON)
if(WARNINGS_AS_ERRORS)
  target_compile_options(house_warnings INTERFACE -Werror)
endif()

add_library(house_hardening INTERFACE)
target_compile_definitions(house_hardening INTERFACE _GNU_SOURCE)
target_include_directories(house_hardening INTERFACE "${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}")
target_compile_options(house_hardening INTERFACE -fno-common -fstack-protector-strong)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
target_link_options(house_hardening INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
if(SANITIZE)
  target_compile_options(house_hardening INTERFACE -fsanitize=${SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(house_hardening INTERFACE -fsanitize=${SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(house_hardening INTERFACE -fstack-clash-protection -fcf-protection)
  target_compile_definitions(house_hardening INTERFACE _FORTIFY_SOURCE=2)
endif()
if(COVERAGE)
  target_compile_options(house_hardening INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(house_hardening INTERFACE --coverage)
endif()
if(FUZZ)
  target_compile_options(house_hardening INTERFACE -fsanitize=fuzzer-no-link)
endif()

# add_house_library(name SOURCES a.c b.c LINK other PkgConfig::X): one static library per folder.
function(add_house_library name)
  cmake_parse_arguments(LIBRARY "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${LIBRARY_SOURCES})
  target_link_libraries(${name} PUBLIC house_hardening ${LIBRARY_LINK} PRIVATE house_warnings)
endfunction()

# add_house_program(name SOURCES main.c LINK library ...): a program, in bin/.
function(add_house_program name)
  cmake_parse_arguments(PROGRAM "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${PROGRAM_SOURCES})
  target_link_libraries(${name} PRIVATE house_hardening house_warnings ${PROGRAM_LINK})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_options(${name} PRIVATE -pie)
endfunction()

# add_unit_test(name SOURCES test_x.c LINK library ...): a cmocka program, run by ctest.
function(add_unit_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  target_link_libraries(${name} PRIVATE house_hardening house_warnings ${TEST_LINK} PkgConfig::CMOCKA)
  target_compile_definitions(${name} PRIVATE TEST_SOURCE_DIRECTORY="${CMAKE_SOURCE_DIR}/tests")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 900 LABELS unit)
endfunction()
