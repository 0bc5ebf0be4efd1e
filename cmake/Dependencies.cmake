# The libraries of the field that Caribe stands on, each behind one target name.
find_package(PkgConfig REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json program_options)
find_package(OpenSSL REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
pkg_check_modules(LIBNL REQUIRED IMPORTED_TARGET libnl-3.0 libnl-genl-3.0)
pkg_check_modules(LIBNL_ROUTE REQUIRED IMPORTED_TARGET libnl-route-3.0)
pkg_check_modules(INIH REQUIRED IMPORTED_TARGET inih)
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf)

# Loaded when they are needed (common/io/shared_library.h): here are their headers only.
pkg_check_modules(LIBNFTABLES REQUIRED libnftables)
pkg_check_modules(LIBCURL REQUIRED libcurl)

if(BUILD_TESTING)
  find_package(GTest REQUIRED)
endif()
