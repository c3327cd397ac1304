// Linked into prebuilt addons only: what the C++ headers of this compiler call in libraries that are newer than those a
// Node of the oldest supported kind needs itself. Hidden, so that nobody else in the process is given these.
#include <cstdlib>

// glibc 2.32. False: shared_ptr counts atomically, as it always does in older ones.
extern "C" [[gnu::visibility("hidden")]] char __libc_single_threaded;
char __libc_single_threaded = 0;

namespace std {

// GCC 11. The allocator calls it for a size that no memory has; no caller here can ask for one.
[[gnu::visibility("hidden"), noreturn]] void __throw_bad_array_new_length();
void __throw_bad_array_new_length() { abort(); }

}  // namespace std
