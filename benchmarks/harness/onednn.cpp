/* A matrix product by oneDNN, its weights packed once in the layout that it likes best. */
#include <oneapi/dnnl/dnnl.hpp>

#include <cstdint>

using dnnl::matmul;
using dnnl::memory;

namespace {

struct product {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};
    matmul primitive;
    memory a, b, c;
};

matmul::primitive_desc describe(const dnnl::engine &engine, const memory::desc &a,
                                const memory::desc &b, const memory::desc &c) {
#if DNNL_VERSION_MAJOR >= 3
    return matmul::primitive_desc(engine, a, b, c);
#else
    return matmul::primitive_desc(matmul::desc(a, b, c), engine);
#endif
}

} // namespace

/* a: (m, k) of uint8 or int8; b: (k, n) of int8; c: (m, n) of int32. The caller keeps a and c. */
extern "C" void *onednn_new(int a_is_signed, int64_t m, int64_t n, int64_t k, void *a, void *b,
                            void *c) {
    using type = memory::data_type;
    using tag = memory::format_tag;
    try {
        auto *made = new product;
        const memory::desc a_desc({m, k}, a_is_signed ? type::s8 : type::u8, tag::ab);
        const memory::desc b_desc({k, n}, type::s8, tag::ab);
        const memory::desc c_desc({m, n}, type::s32, tag::ab);
        const memory::desc b_any({k, n}, type::s8, tag::any);
        const auto described = describe(made->engine, a_desc, b_any, c_desc);
        made->primitive = matmul(described);
        made->a = memory(a_desc, made->engine, a);
        made->c = memory(c_desc, made->engine, c);
        made->b = memory(described.weights_desc(), made->engine);
        memory plain(b_desc, made->engine, b);
        dnnl::reorder(plain, made->b).execute(made->stream, plain, made->b);
        made->stream.wait();
        return made;
    } catch (const dnnl::error &) {
        return nullptr;
    }
}

extern "C" void onednn_run(void *handle) {
    auto *made = static_cast<product *>(handle);
    made->primitive.execute(made->stream, {{DNNL_ARG_SRC, made->a},
                                           {DNNL_ARG_WEIGHTS, made->b},
                                           {DNNL_ARG_DST, made->c}});
    made->stream.wait();
}

extern "C" void onednn_delete(void *handle) { delete static_cast<product *>(handle); }

extern "C" int onednn_version(void) {
    const auto *version = dnnl_version();
    return version->major * 10000 + version->minor * 100 + version->patch;
}
