// Beam search, among all tokens or those of a shortlist, and the scores of given translations.

#pragma once

#include "decoder.h"

#include <string_view>
#include <unordered_map>

namespace {

constexpr float NEVER = -__builtin_inff();  // the logit of what is forbidden
constexpr long CHUNK = 16;  // rows whose logits of all tokens are computed together

// Which target tokens may occur, judged by the source tokens.
class Shortlist {
  public:
    Shortlist() = default;

    // `text` is as Lexicon.write in mt/translation/shortlist.py leaves it; tokens of a vocabulary
    // are in lines. One that always allows no token at all is not used.
    Shortlist(std::string_view text, std::string_view source, std::string_view target,
              const Model &model)
        : table(model.output_weight, model.output_bias, model.its.target_size, model.its.dim,
                model.its.integers),
          candidates(model.its.source_size), words(round_up(model.its.target_size, 8) / 8) {
        const auto sources = numbered(source);
        const auto targets = source == target ? sources : numbered(target);
        each(text, '\n', [&](std::string_view line) {
            const size_t tab = line.find('\t');
            if (tab == line.npos) return;
            const auto token = sources.find(line.substr(0, tab));
            if (tab && (token == sources.end() || token->second >= long(candidates.size()))) return;
            std::vector<int> &list = tab ? candidates[token->second] : always;
            each(line.substr(tab + 1), ' ', [&](std::string_view name) {
                const auto found = targets.find(name);
                if (found != targets.end() && found->second < model.its.target_size)
                    list.push_back(found->second);
            });
        });
        const auto mark = [&](int token) {
            const int *const never = model.its.never;
            return token == model.its.end || std::find(never, never + 3, token) < never + 3;
        };
        if (std::all_of(always.begin(), always.end(), mark)) always.clear();
        if (!always.empty()) always.push_back(model.its.end);
    }

    bool empty() const { return always.empty(); }

    // In the order of their numbers.
    std::vector<int> of(const int *tokens, long count) const {
        Array<uint8_t> marked(words * sizeof(uint64_t));
        for (int token : always) marked[token] = 1;
        for (long i = 0; i < count; i++)
            for (int token : candidates[tokens[i]]) marked[token] = 1;
        std::vector<int> found;
        for (long word = 0; word < words; word++) {
            uint64_t eight;
            memcpy(&eight, &marked[word * 8], sizeof eight);
            for (long token = word * 8; eight; token++, eight >>= 8)
                if (eight & 1) found.push_back(int(token));
        }
        return found;
    }

    Table table;  // of the output layer

  private:
    template <class Body> static void each(std::string_view text, char between, Body body) {
        for (size_t first = 0, last = 0; last != text.npos; first = last + 1) {
            last = text.find(between, first);
            body(text.substr(first, last - first));
        }
    }

    static std::unordered_map<std::string_view, long> numbered(std::string_view vocabulary) {
        std::unordered_map<std::string_view, long> numbers(
            std::count(vocabulary.begin(), vocabulary.end(), '\n') + 1);
        long next = 0;
        each(vocabulary, '\n', [&](std::string_view token) { numbers.emplace(token, next++); });
        return numbers;
    }

    std::vector<std::vector<int>> candidates;  // of each source token
    std::vector<int> always;
    long words = 0;  // of eight target tokens each
};

// The logarithm of the sum of the powers of logits; places up to a multiple of WIDTH become NEVER.
float log_normaliser(float *logits, long count) {
    const long vectors = round_up(count, WIDTH) / WIDTH;
    for (long i = count; i < vectors * WIDTH; i++) logits[i] = NEVER;
    Vector most = vector(logits), total = {};
    for (long v = 1; v < vectors; v++)
        most = vector(logits, v) > most ? vector(logits, v) : most;
    const float top = largest(most);
    for (long v = 0; v < vectors; v++) total += exponential(vector(logits, v) - top);
    return top + std::log(sum(total));
}

// A token that may come next.
struct Choice {
    double value;  // its log-probability, or that of the hypothesis it extends
    int token;
    long row;
};

// Beam search, as in mt/translation/search/beam.py.
class BeamSearch {
  public:
    BeamSearch(const Model &model, const Shortlist &shortlist, const Search &search,
               const Sources &sources, const int *shortest, const int *longest)
        : model(model), shortlist(shortlist), search(search), sources(sources),
          shortest(shortest), longest(longest),
          width(search.beam == 1 ? 1 : 2 * search.beam),
          decoder(model, sources, sources.count() * search.beam), found(sources.count()) {
        size_t most = 0;
        for (long i = 0; i < sources.count(); i++) {
            rows.push_back(Row{i, model.its.start, -1, 0, {}});
            if (shortlist.empty()) continue;
            const int *tokens = &sources.tokens[sources.first[i]];
            candidates.push_back(shortlist.of(tokens, sources.length(i)));
            most = std::max(most, candidates.back().size());
        }
        const bool all = shortlist.empty();
        logits = Rows(all ? CHUNK : 1, all ? model.its.target_size : long(most));
        some = Rows(CHUNK, model.its.dim);
    }

    // Give the best hypotheses of each sentence, and their tokens one behind the other.
    void run(Hypothesis *hypotheses, int *tokens) {
        for (long time = 0; !rows.empty(); time++) {
            choose(decoder.step(rows), time);
            std::vector<Row> next;
            for (size_t first = 0, last; first < rows.size(); first = last) {
                last = first + 1;
                while (last < rows.size() && rows[last].sentence == rows[first].sentence) last++;
                extend(first, last, time, next);
            }
            rows = std::move(next);
        }
        for (auto &pool : found) {
            std::stable_sort(pool.begin(), pool.end(), [](const Ended &a, const Ended &b) {
                return a.its.score > b.its.score;
            });
            for (long i = 0; i < search.best; i++, hypotheses++) {
                if (i >= long(pool.size())) {
                    hypotheses->length = -1;
                    continue;
                }
                *hypotheses = pool[i].its;
                tokens += hypotheses->length;
                for (long node = pool[i].node; node >= 0; node = nodes[node].before)
                    *--tokens = nodes[node].token;
                tokens += hypotheses->length;
            }
        }
    }

  private:
    struct Node {
        int token;
        long before;
    };

    struct Ended {
        Hypothesis its;
        long node;
    };

    // Choose the tokens that may extend each row.
    void choose(const Rows &states, long time) {
        const long count = long(rows.size());
        best.clear();
        ends.clear();
        if (!candidates.empty()) {
            Integers8 &whole = decoder.scratch();
            if (model.its.integers) whole.take(states, count, shortlist.table.inputs);
            for (long r = 0; r < count; r++) {
                const std::vector<int> &tokens = candidates[rows[r].sentence];
                shortlist.table(states[r], whole, r, tokens, logits[0]);
                choose(r, logits[0], tokens.data(), long(tokens.size()), time);
            }
            return;
        }
        for (long first = 0; first < count; first += CHUNK) {
            const long here = std::min(CHUNK, count - first);
            memcpy(some[0], states[first], sizeof(float) * here * some.wide);
            model.output(some, here, logits, decoder.scratch());
            for (long r = 0; r < here; r++)
                choose(first + r, logits[r], nullptr, model.its.target_size, time);
        }
    }

    // Those of one row, given the logits of some tokens, or of all.
    void choose(long row, float *logits, const int *tokens, long count, long time) {
        const long vectors = round_up(count, WIDTH) / WIDTH, sentence = rows[row].sentence;
        const float normaliser = log_normaliser(logits, count);
        const auto forbid = [&](int token) {
            const int *at = tokens ? std::lower_bound(tokens, tokens + count, token) : nullptr;
            if (!tokens)
                logits[token] = NEVER;
            else if (at != tokens + count && *at == token)
                logits[at - tokens] = NEVER;
        };
        const long end = tokens ? std::lower_bound(tokens, tokens + count, model.its.end) - tokens
                                : model.its.end;
        ends.push_back(logits[end] - normaliser);
        for (int token : model.its.never) forbid(token);
        if (time < shortest[sentence]) forbid(model.its.end);
        if (search.ngram) forbid_repetition(rows[row].node, forbid);
        const size_t first = best.size();
        best.resize(first + width, Choice{NEVER, -1, row});
        Choice *const kept = &best[first];
        for (long v = 0; v < vectors; v++) {
            if (!(largest(vector(logits, v)) > kept[width - 1].value)) continue;
            for (long i = v * WIDTH; i < (v + 1) * WIDTH; i++) {
                if (!(logits[i] > kept[width - 1].value)) continue;
                long place = width - 1;
                for (; place > 0 && logits[i] > kept[place - 1].value; place--)
                    kept[place] = kept[place - 1];
                kept[place] = Choice{logits[i], tokens ? tokens[i] : int(i), row};
            }
        }
        for (long i = 0; i < width; i++) kept[i].value += rows[row].total - normaliser;
    }

    // Forbid what would complete a sequence of `ngram` tokens once more.
    template <class Forbid> void forbid_repetition(long node, Forbid forbid) const {
        std::vector<int> written;  // the last one first
        for (; node >= 0; node = nodes[node].before) written.push_back(nodes[node].token);
        const size_t size = search.ngram - 1;
        for (size_t i = 1; i + size <= written.size(); i++)
            if (std::equal(written.begin(), written.begin() + size, written.begin() + i))
                forbid(written[i - 1]);
    }

    // End hypotheses of a sentence, which are some rows, or let them grow.
    void extend(size_t first, size_t last, long time, std::vector<Row> &next) {
        const long sentence = rows[first].sentence;
        if (time == longest[sentence]) {
            for (size_t r = first; r < last; r++) finish(r, rows[r].total + ends[r], time);
            return;
        }
        std::vector<Choice> options(best.begin() + first * width, best.begin() + last * width);
        const size_t looked = std::min(options.size(), size_t(width));
        std::stable_sort(options.begin(), options.end(),
                         [](const Choice &a, const Choice &b) { return a.value > b.value; });
        const size_t before = next.size();
        for (size_t i = 0; i < looked && options[i].value > NEVER; i++) {
            const Choice &option = options[i];
            if (option.token == model.its.end) {
                if (i < size_t(search.beam)) finish(option.row, option.value, time);
            } else if (next.size() - before < size_t(search.beam)) {
                nodes.push_back(Node{option.token, rows[option.row].node});
                next.push_back(Row{sentence, option.token, long(nodes.size()) - 1, option.value,
                                   rows[option.row].past});
            }
        }
        if (next.size() == before && found[sentence].empty())  // all is forbidden
            finish(first, rows[first].total + ends[first], time);
        if (found[sentence].size() >= size_t(search.beam)) next.resize(before);
    }

    void finish(size_t row, double total, long length) {
        const double counted = length + 1;  // with the end mark
        const double base = search.gnmt ? (5 + counted) / 6 : counted;
        const double by = std::pow(base, search.length_penalty);
        found[rows[row].sentence].push_back(Ended{{length, total, total / by}, rows[row].node});
    }

    const Model &model;
    const Shortlist &shortlist;
    const Search &search;
    const Sources &sources;
    const int *shortest, *longest;  // tokens of each sentence's translation
    const long width;               // extensions that are looked at
    std::vector<std::vector<int>> candidates;  // of each sentence; none: all tokens
    Decoder decoder;
    std::vector<Row> rows;      // those of one sentence side by side
    std::vector<Choice> best;   // `width` of each row
    std::vector<float> ends;    // the log-probability of the end mark after each row
    std::vector<Node> nodes;    // all tokens of all hypotheses
    std::vector<std::vector<Ended>> found;
    Rows logits, some;
};

// The log-probability of each token of given translations, and of their end marks.
void score(const Model &model, const Sources &sources, const int *lengths, const int *tokens,
           float *values) {
    std::vector<Row> rows;
    std::vector<long> first;  // of each sentence's values
    long end = 0;
    for (long i = 0; i < sources.count(); i++) {
        rows.push_back(Row{i, model.its.start, -1, 0, {}});
        first.push_back(end);
        end += lengths[i] + 1;
    }
    Decoder decoder(model, sources, sources.count());
    Rows logits(CHUNK, model.its.target_size), some(CHUNK, model.its.dim);
    for (long time = 0; !rows.empty(); time++) {
        const Rows &states = decoder.step(rows);
        std::vector<Row> next;
        for (long r = 0; r < long(rows.size()); r++) {
            if (r % CHUNK == 0) {
                const long here = std::min(CHUNK, long(rows.size()) - r);
                memcpy(some[0], states[r], sizeof(float) * here * some.wide);
                model.output(some, here, logits, decoder.scratch());
            }
            const long i = rows[r].sentence;
            const bool last = time == lengths[i];
            // Each translation lies behind those before it, without end marks.
            const int token = last ? model.its.end : tokens[first[i] - i + time];
            float *row = logits[r % CHUNK];
            values[first[i] + time] = row[token] - log_normaliser(row, model.its.target_size);
            if (last) continue;
            rows[r].token = token;
            next.push_back(std::move(rows[r]));
        }
        rows = std::move(next);
    }
}

}  // namespace
