#include "tools/lvsadm/options.h"

namespace lvs::lvsadm {

namespace {

constexpr const char* kHelp =
    R"(Usage:
  lvsadm -A|E virtual-service [-s scheduler] [-p [timeout]] [-M netmask] [--pe engine]
             [-b flags] [-o]
  lvsadm -D virtual-service
  lvsadm -C
  lvsadm -R
  lvsadm -S [-n]
  lvsadm -a|e virtual-service -r server-address [options]
  lvsadm -d virtual-service -r server-address
  lvsadm -L|l [virtual-service] [options]
  lvsadm -Z [virtual-service]
  lvsadm --set tcp tcpfin udp
  lvsadm --start-daemon {master|backup} [daemon-options]
  lvsadm --stop-daemon {master|backup}
  lvsadm --kill prefix
  lvsadm --drops
  lvsadm --deny
  lvsadm --setting name[=value]
  lvsadm --settings
  lvsadm --where client:port [-t|-u|--sctp-service] address:port [mark]
  lvsadm --trace [client[/bits]] [tcp|udp|sctp] [drops] [-t|-u|--sctp-service address[:port]]
             [--count n]
  lvsadm -h | -v

Commands:
  --add-service     -A        add virtual service with options
  --edit-service    -E        edit virtual service with options
  --delete-service  -D        delete virtual service
  --clear           -C        clear the whole table
  --restore         -R        restore the table from standard input
  --save            -S        write the table to standard output
  --add-server      -a        add real server with options
  --edit-server     -e        edit real server with options
  --delete-server   -d        delete real server
  --list            -L|-l     list the table; also without any option
  --zero            -Z        zero the counters of a service or of all
  --set tcp tcpfin udp        set connection timeouts in seconds; 0 leaves one as it is
  --start-daemon              start a connection sync daemon
  --stop-daemon               stop a connection sync daemon
  --kill prefix               end the living connections of these clients (embedded core)
  --drops                     packets dropped, by reason (embedded core)
  --deny                      clients that lvs.cf denies, and packets dropped (embedded core)
  --setting name[=value]      show or choose how the core behaves: names of net.ipv4.vs.*
  --settings                  show them all
  --where client:port         where this client's first packet to the address and port behind it
                              would go now, and why; nothing changes (embedded core)
  --trace                     packets as they come, what became of each and why (embedded core)
  --help            -h        this text
  --version         -v        the version

virtual-service:
  --tcp-service|-t  service-address   host[:port]
  --udp-service|-u  service-address   host[:port]
  --sctp-service    service-address   host[:port]
  --fwmark-service|-f mark            a number above 0
  --ipv6|-6                           the mark's packets are IPv6

Options:
  --core            embedded|kernel   which core; by default the embedded one where it lives,
                                      else the kernel
  --scheduler    -s scheduler         rr wrr lc wlc sed nq fo ovf sh mh dh lblc lblcr, default wlc
  --sched-flags  -b flags             sh-fallback,sh-port mh-fallback,mh-port flag-1,flag-2,flag-3
  --persistent   -p [timeout]         same server for the same client, for timeout (360) seconds
  --netmask      -M netmask           what is the same client: a mask, for IPv6 a prefix length
  --pe            engine              persistence engine: sip
  --ops          -o                   one-packet scheduling (UDP)
  --real-server  -r server-address    host[:port]
  --gatewaying   -g                   direct routing (default)
  --ipip         -i                   tunnelling
  --masquerading -m                   NAT
  --tun-type      type                ipip, gue or gre
  --tun-port      port                destination port of gue
  --tun-nocsum, --tun-csum, --tun-remcsum
  --weight       -w weight            capacity of the server, default 1; 0 takes no new connections
  --u-threshold  -x connections       no new connections above
  --l-threshold  -y connections       new connections again below
  --numeric      -n                   no names of hosts and ports
  --connection   -c                   list connections
  --timeout                           list timeouts
  --daemon                            list sync daemons
  --stats --rate --thresholds --persistent-conn --tun-info
                                      other columns
  --exact                             whole numbers in --stats and --rate
  --nosort                            in the core's own order
  --json                              for programs
  --count         packets             end the trace after so many
Daemon options:
  --syncid id, --sync-maxlen bytes, --mcast-interface interface, --mcast-group address,
  --mcast-port port, --mcast-ttl hops

Exit status: 0 done; 1 no such service, or --where: refused; 2 wrong command line, or no core;
255 refused by the core, or unknown option. See lvsadm(8).
)";

}  // namespace

std::string help_text() {
  return kHelp;
}

}  // namespace lvs::lvsadm
