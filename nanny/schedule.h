// When to probe. A director that starts must know its servers soon, but a thousand checks in one
// instant measure the herd and not the servers: first checks are spread over at most half a second
// (over the interval where that is shorter). The pause after the first check is drawn from half the
// interval to the whole, which spreads that half second over the interval; later pauses vary by a
// tenth, so that monitors do not fall into step again. A pause is never longer than the interval:
// it is what the time to notice a failure is computed from.
#pragma once

#include "common/rng.h"
#include "common/time.h"

namespace lvs::nanny {

constexpr Duration kFirstCheckWithin = std::chrono::milliseconds{500};

Duration first_delay(Duration interval, Rng& rng);
// From the end of a check to the start of the next; `checks` have ended so far, this one included.
Duration pause(Duration interval, uint64_t checks, Rng& rng);

}  // namespace lvs::nanny
