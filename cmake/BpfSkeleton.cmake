# bpf_skeleton(NAME SOURCE [DEPENDS...]): clang -> BPF object -> skeleton header, as interface target NAME.
# Include it as "skeleton/NAME.skel.h". The object is embedded: nothing to lose at run time.
find_program(BPF_CLANG NAMES clang clang-14 REQUIRED)
find_program(BPFTOOL bpftool PATHS /usr/sbin /usr/local/sbin REQUIRED)

function(bpf_skeleton NAME SOURCE)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  set(dir ${PROJECT_BINARY_DIR}/generated/skeleton)
  set(object ${dir}/${NAME}.bpf.o)
  set(header ${dir}/${NAME}.skel.h)
  file(MAKE_DIRECTORY ${dir})
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${BPF_CLANG} --target=bpf -mcpu=v3 -O2 -g -Wall -Werror
      -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.
      -I${PROJECT_SOURCE_DIR} -isystem /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
      -MMD -MF ${object}.d -c ${CMAKE_CURRENT_SOURCE_DIR}/${SOURCE} -o ${object}
    DEPENDS ${SOURCE} ${ARG_DEPENDS}
    DEPFILE ${object}.d
    COMMENT "BPF ${SOURCE}")
  add_custom_command(
    OUTPUT ${header}
    COMMAND ${BPFTOOL} gen skeleton ${object} name ${NAME} > ${header}
    DEPENDS ${object}
    COMMENT "Skeleton ${NAME}")
  add_custom_target(${NAME}_skeleton DEPENDS ${header})
  add_library(${NAME} INTERFACE)
  add_dependencies(${NAME} ${NAME}_skeleton)
  target_include_directories(${NAME} SYSTEM INTERFACE ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(${NAME} INTERFACE PkgConfig::LIBBPF)
endfunction()
