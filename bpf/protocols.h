/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The protocols above IP that the programs know: what rules and the director see in a packet is the
   same, and the same as Wire's FlowKey sees (IPProtocol.isExtensionHeader, hasPorts). */
#pragma once

#include "kernel.h"

#define EXTENSIONS 8 /* headers of IPv6, as many as are followed */

enum protocol { TCP = 6, UDP = 17, DCCP = 33, SCTP = 132, UDP_LITE = 136 };
enum extension {
  HOP_BY_HOP = 0,
  ROUTING = 43,
  FRAGMENT = 44,
  AUTHENTICATION = 51,
  OPTIONS = 60,
  MOBILITY = 135,
  HOST_IDENTITY = 139,
  SHIM6 = 140,
};

INLINE int is_extension(u8 next) {
  return next == HOP_BY_HOP || next == ROUTING || next == FRAGMENT || next == AUTHENTICATION ||
         next == OPTIONS || next == MOBILITY || next == HOST_IDENTITY || next == SHIM6;
}

INLINE int has_ports(u8 protocol) {
  return protocol == TCP || protocol == UDP || protocol == DCCP || protocol == SCTP ||
         protocol == UDP_LITE;
}
