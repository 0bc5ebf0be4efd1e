# lvs_options, which every library and program links: warnings, hardening, sanitizers.
# lvs_program, which the installed programs link as well.
option(CARIBE_WERROR "Treat warnings as errors" OFF)
option(CARIBE_HARDEN "Stack protector, fortified libc calls, full RELRO" OFF)
option(CARIBE_SANITIZE "Address and undefined behaviour sanitizers" OFF)

add_library(lvs_options INTERFACE)
target_include_directories(lvs_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_options(lvs_options INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-missing-field-initializers
  $<$<BOOL:${CARIBE_WERROR}>:-Werror>
  $<$<CONFIG:Debug>:-D_GLIBCXX_ASSERTIONS>)
target_compile_options(lvs_options INTERFACE
  $<$<COMPILE_LANGUAGE:C>:-Wno-nonnull>)
if(CARIBE_HARDEN)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  target_compile_options(lvs_options INTERFACE -fstack-protector-strong -D_FORTIFY_SOURCE=2)
  target_link_options(lvs_options INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
if(CARIBE_SANITIZE)
  # GCC's flow analysis gives false alarms in instrumented code, about variants above all.
  target_compile_options(lvs_options INTERFACE -Wno-maybe-uninitialized
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(lvs_options INTERFACE -fsanitize=address,undefined)
endif()

# C++'s own libraries become part of the programs: half of what is left of a start (docs/decisions/0004).
add_library(lvs_program INTERFACE)
if(NOT CARIBE_SANITIZE)
  target_link_options(lvs_program INTERFACE
    -static-libstdc++ -static-libgcc -Wl,--gc-sections -Wl,-z,pack-relative-relocs)
endif()
