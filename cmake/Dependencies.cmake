# The libraries of the field that Caribe stands on, each behind one target name.
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED)
if(BUILD_TESTING)
  find_package(GTest REQUIRED)
endif()

# Part of the programs, because a start costs by its shared libraries (docs/decisions/0004): from archives ...
set(Boost_USE_STATIC_LIBS ON)
find_package(Boost 1.81 REQUIRED COMPONENTS json program_options)
pkg_check_modules(LIBNL REQUIRED IMPORTED_TARGET libnl-3.0 libnl-genl-3.0)
pkg_check_modules(LIBNL_ROUTE REQUIRED IMPORTED_TARGET libnl-route-3.0)
pkg_check_modules(INIH REQUIRED IMPORTED_TARGET inih)
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(CARES REQUIRED IMPORTED_TARGET libcares)

# link_archives(TARGET NAME...): TARGET links these archives, and nothing else that pkg-config says.
function(link_archives TARGET)
  set(archives "")
  foreach(name ${ARGN})
    find_library(ARCHIVE_${name} lib${name}.a REQUIRED)
    list(APPEND archives ${ARCHIVE_${name}})
  endforeach()
  set_target_properties(${TARGET} PROPERTIES INTERFACE_LINK_LIBRARIES "${archives}")
endfunction()
link_archives(PkgConfig::LIBNL nl-genl-3 nl-3)
link_archives(PkgConfig::LIBNL_ROUTE nl-route-3 nl-3)
link_archives(PkgConfig::INIH inih)
link_archives(PkgConfig::RE2 re2)
link_archives(PkgConfig::CARES cares)
link_archives(PkgConfig::LIBBPF bpf elf z)

# ... or from headers.
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
set_target_properties(spdlog::spdlog_header_only PROPERTIES
  INTERFACE_LINK_LIBRARIES "Threads::Threads;fmt::fmt-header-only")

# Loaded when they are needed (common/io/shared_library.h): here are their headers only.
pkg_check_modules(LIBNFTABLES REQUIRED libnftables)
pkg_check_modules(LIBCURL REQUIRED libcurl)
