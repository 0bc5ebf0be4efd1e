lvs_test(unit/common/ipvs/codec_request lvs_ipvs)
lvs_test(netns/ipvs_socket lvs_ipvs_io)
