// The core's time-outs: what lvs.cf asks for, what is put back when it no longer does. A core has
// no command for "your own again": a time-out that left the file gets the standard once.
#pragma once

#include "common/config/model.h"
#include "common/ipvs/types.h"

namespace lvs::lvsd {

// What is asked for, or else to be put back, and is otherwise; 0: nothing to change.
ipvs::Timeouts changed_timeouts(const config::Config& config, const ipvs::Timeouts& put_back,
                                const ipvs::Timeouts& actual);
void put_back_what_left(const config::Config& before, const config::Config& now,
                        ipvs::Timeouts& put_back);
// The core has taken what it was given.
void take_timeouts(const ipvs::Timeouts& given, ipvs::Timeouts& held);

}  // namespace lvs::lvsd
