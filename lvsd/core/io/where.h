// Where a packet would go that came now, and why: asked of the programs themselves, on a copy of
// the tables (rehearsal.h). The tables of the core are opened for reading only.
#pragma once

#include <memory>

#include "common/ipvs/where.h"
#include "common/result.h"
#include "lvsd/core/io/attached.h"
#include "lvsd/core/io/tables.h"

namespace lvs::core {

class Rehearsal;

class Where {
 public:
  // ENOENT: no core is attached in this network namespace; EPROTO: one of another layout.
  static Result<Where> open();
  Where(Where&&) noexcept;
  Where& operator=(Where&&) noexcept;
  ~Where();

  // As the tables are at this moment.
  Result<ipvs::Whereabouts> ask(const ipvs::WherePacket& packet);

 private:
  Where() = default;

  MapFds maps_;
  Memory memory_;
  std::unique_ptr<Rehearsal> rehearsal_;
};

}  // namespace lvs::core
