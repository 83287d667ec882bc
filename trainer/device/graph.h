#pragma once

#include <functional>
#include <memory>

#include "sim/engine/memory.h"

namespace flockstep {

/// The CUDA stream that a trainer works on. On the CPU it does nothing.
class TrainerStream {
  public:
    /// Throws std::invalid_argument for a GPU if LibTorch is built without CUDA.
    explicit TrainerStream(Device device);
    ~TrainerStream();
    Device device() const { return device_; }
    Stream handle() const;
    /// Waits until all work that was enqueued is done.
    void synchronize() const;

    /// Makes the stream LibTorch's current stream during its lifetime.
    class Scope {
      public:
        explicit Scope(const TrainerStream& stream);
        ~Scope();

      private:
        struct Guard;
        std::unique_ptr<Guard> guard_;
    };

  private:
    friend class Graph;
    struct Impl;
    Device device_;
    std::unique_ptr<Impl> impl_;
};

/// A fixed sequence of kernels. On a GPU the first run calls `work`, so that libraries allocate memory and load
/// kernels, which a capture does not allow; the second captures it as a CUDA graph, and from then on every run replays
/// the graph: pointers, sizes and arguments are those of the capture, so anything that changes must be read on the
/// device. On the CPU, or with graphs disabled, every run calls `work`.
class Graph {
  public:
    explicit Graph(bool captures = true);
    Graph(Graph&&) noexcept;
    ~Graph();
    /// Call it within a TrainerStream::Scope. Asynchronous on a GPU.
    void run(const TrainerStream& stream, const std::function<void()>& work);

  private:
    struct Impl;
    bool captures_;
    std::unique_ptr<Impl> impl_;
};

}  // namespace flockstep
