#include "nanny/io/endpoint.h"

#include <boost/asio/post.hpp>

namespace lvs::nanny::io {
namespace {

class EndedProbe : public Probe {
 public:
  EndedProbe(boost::asio::io_context& io, ProbeResult result, Tell tell)
      : tell_(std::make_shared<Tell>(std::move(tell))) {
    boost::asio::post(io, [said = std::move(result), to = std::weak_ptr<Tell>(tell_)] {
      if (const std::shared_ptr<Tell> still_asked = to.lock()) {
        (*still_asked)(said);
      }
    });
  }

 private:
  std::shared_ptr<Tell> tell_;
};

}  // namespace

std::unique_ptr<Probe> probe_that_ends(boost::asio::io_context& io, ProbeResult result, Tell tell) {
  return std::make_unique<EndedProbe>(io, std::move(result), std::move(tell));
}

}  // namespace lvs::nanny::io
