// SPDX-License-Identifier: MIT
// Entry point that LAMMPS' `plugin load` and its search of LAMMPS_PLUGIN_PATH call.

#include "pair_physrep.h"

namespace {

// From LAMMPS' lammpsplugin.h (PLUGIN package, version 22 Jul 2025), which its wheel leaves out.
struct lammpsplugin_t {
  const char *version;
  const char *style;
  const char *name;
  const char *info;
  const char *author;
  union {
    void *(*v1)(void *);
    void *(*v2)(void *, int, char **);
  } creator;
  void *handle;
};
using lammpsplugin_regfunc = void (*)(lammpsplugin_t *, void *);

void *create_pair(void *lmp) {
  return static_cast<LAMMPS_NS::Pair *>(
      new LAMMPS_NS::PairPhysRep(static_cast<LAMMPS_NS::LAMMPS *>(lmp)));
}

}  // namespace

extern "C" void lammpsplugin_init(void *lmp, void *handle, void *regfunc) {
  lammpsplugin_t plugin{};
  // LAMMPS warns where this differs from its own version: C++ classes have no stable layout.
  plugin.version = LAMMPS_VERSION_STRING;
  plugin.style = "pair";
  plugin.name = "physrep";
  plugin.info = "physrep machine-learned potentials";
  plugin.author = "physrep";
  plugin.creator.v1 = create_pair;
  plugin.handle = handle;
  reinterpret_cast<lammpsplugin_regfunc>(regfunc)(&plugin, lmp);
}
