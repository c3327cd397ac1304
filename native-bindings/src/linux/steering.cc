// Groups of sockets on one port, and the filter that picks one of them for each datagram.
#include <linux/filter.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "../datagram-socket.h"
#include "file-descriptor.h"
#include "socket-setup.h"

namespace kcpgate {

namespace {

// A program of classic BPF. A load beyond the end of the datagram ends it with 0, so anything shorter than what is looked
// at goes to the first socket. Word loads are big-endian.
class Program {
 public:
  void add(int code, uint32_t value = 0) { steps_.push_back(BPF_STMT(static_cast<uint16_t>(code), value)); }
  void load_constant(uint32_t value) { add(BPF_LD | BPF_IMM, value); }
  void load(int size, uint32_t at) { add(BPF_LD | size | BPF_ABS, at); }
  // Ends what is looked for here when the accumulator is another value; `end` comes later.
  void unless(uint32_t value) {
    pending_.push_back(steps_.size() + 1);
    steps_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0));
    add(BPF_JMP | BPF_JA);
  }
  // Jumps over so many steps when the accumulator is another value.
  void add_jump_unless(uint32_t value, uint8_t steps) {
    steps_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, steps));
  }
  void leave() {
    pending_.push_back(steps_.size());
    add(BPF_JMP | BPF_JA);
  }
  // Everything that left goes on here.
  void end() {
    for (const size_t jump : pending_) steps_[jump].k = static_cast<uint32_t>(steps_.size() - jump - 1);
    pending_.clear();
  }
  bool attach(int descriptor) {
    const sock_fprog program{static_cast<unsigned short>(steps_.size()), steps_.data()};
    return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0;
  }

 private:
  std::vector<sock_filter> steps_;
  std::vector<size_t> pending_;
};

// Words of the scratch memory: where the conversation number begins, and what is known of it.
constexpr uint32_t BEGIN = 0;
constexpr uint32_t NUMBER = 1;

// PROXY version 1: a line of text. Programs cannot loop, so every place where the line may end is looked at.
void skip_text_header(Program& program) {
  constexpr uint32_t SHORTEST = 15;
  constexpr uint32_t LONGEST = 107;
  program.load(BPF_W, 0);
  program.unless(0x50524f58);  // PROX
  program.load(BPF_H, 4);
  program.unless(0x5920);  // Y and a space
  for (uint32_t last = SHORTEST - 1; last < LONGEST; last++) {
    program.load(BPF_B, last);
    // Over the three steps that follow.
    program.add_jump_unless('\n', 3);
    program.load_constant(last + 1);
    program.add(BPF_ST, BEGIN);
    program.leave();
  }
  program.end();
}

// PROXY version 2: a signature, and the length of what follows the first 16 bytes.
void skip_binary_header(Program& program) {
  constexpr uint32_t SIGNATURE[] = {0x0d0a0d0a, 0x000d0a51, 0x5549540a};
  for (uint32_t word = 0; word < std::size(SIGNATURE); word++) {
    program.load(BPF_W, word * sizeof(uint32_t));
    program.unless(SIGNATURE[word]);
  }
  program.load(BPF_H, 14);
  program.add(BPF_ALU | BPF_ADD | BPF_K, 16);
  program.add(BPF_ST, BEGIN);
  program.end();
}

void skip_simple_header(Program& program) {
  program.load(BPF_H, 0);
  program.unless(0x56ec);
  program.load_constant(38);
  program.add(BPF_ST, BEGIN);
  program.end();
}

// Steers by the four bytes from BEGIN on, a little-endian number.
void steer_by_number(Program& program, int count) {
  for (int index = 3; index >= 0; index--) {
    program.add(BPF_LDX | BPF_MEM, BEGIN);
    program.add(BPF_LD | BPF_B | BPF_IND, index);
    if (index < 3) {
      program.add(BPF_LDX | BPF_MEM, NUMBER);
      program.add(BPF_ALU | BPF_OR | BPF_X);
    }
    if (index > 0) program.add(BPF_ALU | BPF_LSH | BPF_K, 8);
    program.add(BPF_ST, NUMBER);
  }
  program.add(BPF_ALU | BPF_MOD | BPF_K, static_cast<uint32_t>(count));
  program.add(BPF_RET | BPF_A);
}

bool steer_by_conversation(int descriptor, int count, ProxyHeaders headers) {
  Program program;
  program.load_constant(0);
  program.add(BPF_ST, BEGIN);
  if (headers == ProxyHeaders::PROXY) {
    skip_text_header(program);
    skip_binary_header(program);
  } else if (headers == ProxyHeaders::SIMPLE) {
    skip_simple_header(program);
  }
  steer_by_number(program, count);
  return program.attach(descriptor);
}

}  // namespace

bool bind_reuse_port_group(const Endpoint& address, bool ipv6_only, int count, ProxyHeaders headers,
                           int* descriptors, SystemError& error) {
  BindOptions options{address.address, address.port, ipv6_only, false};
  std::vector<FileDescriptor> group;
  for (int number = 0; number < count; number++) {
    group.push_back(bind_socket(options, error));
    const int member = group.back().get();
    if (!group.back().valid()) return false;
    if (number > 0) continue;
    // The first is bound alone and opened to others afterwards: a group of somebody else on this port, or one that the
    // system picks for port 0, would take us in and mix up the numbers.
    Endpoint local;
    PeerAddress bound;
    if (!read_local(member, local, bound, error)) return false;
    if (!set_option(member, SOL_SOCKET, SO_REUSEPORT, 1)) {
      error = {errno, "setsockopt"};
      return false;
    }
    options.port = local.port;
    options.reuse_port = true;
  }
  // One alone makes no group that could be steered.
  if (count > 1 && !steer_by_conversation(group.front().get(), count, headers)) {
    error = {errno, "setsockopt"};
    return false;
  }
  for (FileDescriptor& member : group) *descriptors++ = member.take();
  return true;
}

void close_descriptor(int descriptor) { FileDescriptor owned(descriptor); }

}  // namespace kcpgate
