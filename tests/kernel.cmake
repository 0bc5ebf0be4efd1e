# Against the kernel's own ip_vs, on a user-mode kernel (docs/kernel.md). 77: no such kernel here, skipped with the reason.
set(kernel_tests kernel.harness)
add_test(NAME kernel.harness COMMAND kernel/harness WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)

function(lvs_kernel_test NAME COMMAND)
  add_test(NAME kernel.${NAME} COMMAND kernel/boot --timeout 590 "${COMMAND}"
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  set(kernel_tests ${kernel_tests} kernel.${NAME} PARENT_SCOPE)
endfunction()

lvs_kernel_test(listings "kernel/listings.py '$<TARGET_FILE:lvsadm>' 25 1")
lvs_kernel_test(listings.more "kernel/listings.py '$<TARGET_FILE:lvsadm>' 40 2")
set(soaked_tests kernel.listings.more)
lvs_kernel_test(errors "kernel/errors.py '$<TARGET_FILE:lvsadm>'")

add_executable(kernel_plan kernel/plan.cpp)
target_link_libraries(kernel_plan PRIVATE lvs_options lvs_lvsd_io lvsd_world GTest::gtest)
set_target_properties(kernel_plan PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
lvs_kernel_test(plan "'$<TARGET_FILE:kernel_plan>' 1000")
lvs_kernel_test(lvsd "kernel/lvsd.py '$<TARGET_FILE_DIR:lvsd>'")
lvs_kernel_test(writes "kernel/writes.py '$<TARGET_FILE_DIR:lvsd>'")
lvs_kernel_test(failures "kernel/failures.py '$<TARGET_FILE_DIR:lvsd>'")
lvs_kernel_test(role "kernel/role.py '$<TARGET_FILE_DIR:lvsd>'")
lvs_kernel_test(pair "kernel/pair.py '$<TARGET_FILE_DIR:lvsd>'")

# One topic a test: on the kernel's ip_vs by one of the two programs, by the other one in `./run soak`; and natively the
# embedded core.
foreach(topic scheduling persistence marks connections answers admin forwarding hashing paths settings ipv6 fragments ops ftp sctp ipsec)
  file(GLOB transcripts CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} kernel/transcripts/${topic}/*.txt)
  list(JOIN transcripts " " transcripts)
  foreach(way ipvsadm lvsadm)
    lvs_kernel_test(scenarios.${topic}.${way}
      "kernel/scenario.py --as ${way} --binaries '$<TARGET_FILE_DIR:lvsadm>' ${transcripts}")
  endforeach()
  if(topic MATCHES "persistence|marks|connections|admin|hashing|settings")
    list(APPEND soaked_tests kernel.scenarios.${topic}.ipvsadm)
  else()
    list(APPEND soaked_tests kernel.scenarios.${topic}.lvsadm)
  endif()
  separate_arguments(transcripts)
  add_test(NAME kernel.scenarios.${topic}.embedded
    COMMAND kernel/scenario.py --as embedded --binaries $<TARGET_FILE_DIR:lvsadm> ${transcripts}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  list(APPEND kernel_tests kernel.scenarios.${topic}.embedded)
endforeach()

# The embedded core once more, where new connections do not take the stack.
set(express_transcripts scheduling/wlc scheduling/wrr hashing/lblcr-servers hashing/lblcr-shrinks answers/no-server answers/rejected-by-firewall answers/server-down
  marks/before-address marks/two-ports persistence/any-port persistence/netmask connections/port-reused
  connections/half-open forwarding/mixed forwarding/local-server paths/address-taken-away paths/small-link paths/tracked paths/own-connections
  fragments/nat ipv6/forwarding-direct ipv6/marks-before-address ops/direct ops/persistent ops/ipv6
  ftp/passive ftp/active ftp/marked ftp/local-server ftp/from-port-20 sctp/nat sctp/strays settings/drop-packet settings/secure-tcp)
list(TRANSFORM express_transcripts REPLACE "(.+)" "kernel/transcripts/\\1.txt")
add_test(NAME kernel.scenarios.express
  COMMAND kernel/scenario.py --as express --binaries $<TARGET_FILE_DIR:lvsadm> ${express_transcripts}
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
list(APPEND kernel_tests kernel.scenarios.express)

add_executable(kernel_transport kernel/transport.cpp)
target_link_libraries(kernel_transport PRIVATE lvs_options lvs_ipvs_io GTest::gtest)
set_target_properties(kernel_transport PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
lvs_kernel_test(transport "'$<TARGET_FILE:kernel_transport>'")

# The embedded core on Debian's own 6.1, the oldest kernel that it runs on; ip_vs beside it only where the user-mode kernel
# cannot play the transcript. 77 where `./run` could not fetch it.
set(qemu_transcripts scheduling/wlc scheduling/udp hashing/lblc-servers hashing/lblcr hashing/lblcr-shrinks ipv6/hashing-lblcr marks/two-ports answers/no-server
  forwarding/direct paths/vip-on-loopback paths/rule-by-source settings/udp-server-removed
  forwarding/ipv6-nat ipv6/forwarding-direct fragments/nat fragments/nat-ipv6 paths/server-behind-a-tunnel
  paths/own-connections paths/one-arm paths/small-link forwarding/tunnel-other-family paths/tunnel-errors ops/ipv6 ops/cold-neighbours
  ftp/passive ftp/active ftp/ipv6 ftp/marked ftp/local-server)
list(TRANSFORM qemu_transcripts REPLACE "(.+)" "kernel/transcripts/\\1.txt")
list(JOIN qemu_transcripts " " qemu_transcripts)
file(GLOB emulated_transcripts CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} kernel/transcripts/emulated/*.txt)
list(JOIN emulated_transcripts " " emulated_transcripts)
add_test(NAME kernel.qemu
  COMMAND kernel/boot --qemu ${PROJECT_SOURCE_DIR}/build/linux-6.1 --timeout 1190 --memory 1G
    "kernel/scenario.py --as ipvsadm --as embedded --binaries '$<TARGET_FILE_DIR:lvsadm>' ${emulated_transcripts} &&
     kernel/scenario.py --as embedded --binaries '$<TARGET_FILE_DIR:lvsadm>' ${qemu_transcripts} &&
     python3 netns/lvsd.py '$<TARGET_FILE_DIR:lvsd>' core_that_is_left_serves_until_the_other_is_there"
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
list(APPEND kernel_tests kernel.qemu)

set_tests_properties(${kernel_tests} PROPERTIES LABELS kernel TIMEOUT 600 PROCESSORS 1 SKIP_RETURN_CODE 77)
set_tests_properties(${soaked_tests} PROPERTIES LABELS "kernel;soak")
set_tests_properties(kernel.qemu PROPERTIES TIMEOUT 1200 PROCESSORS 2)
