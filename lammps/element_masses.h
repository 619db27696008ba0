// SPDX-License-Identifier: MIT

#ifndef PHYSREP_ELEMENT_MASSES_H
#define PHYSREP_ELEMENT_MASSES_H

#include <string>

namespace physrep {

// Standard atomic weight (IUPAC 2016; of radioactive elements a mass number) in u; 0 where the
// symbol is no element.
double mass_of(const std::string &symbol);

}  // namespace physrep

#endif
