namespace Kraliki.LocalSpeech;

/// <summary>What a caller of the demo company may want.</summary>
public enum TalkIntent
{
    Unknown,
    Hello,
    Hours,
    Address,
    Book,
    Change,
    Cancel,
    MissingNumber,
    Price,
    Trip,
    Pay,
    Travel,
    Human,
    Repeat,
    Wait,
    Question,
    Thanks,
    Goodbye,
    Yes,
    No,
}

/// <summary>
/// Finds what a caller wants by cues: words and short phrases that speak for an intent, each with a weight. Several weak
/// cues make up for a misheard strong one; a longer word that sounds alike counts for a part.
/// </summary>
public static class TalkIntents
{
    private const double Enough = 0.8;

    // A word with the same consonants ("bucking" for "booking") is probably, not surely, the cue.
    private const double AlikeShare = 0.6;
    private const int ShortestAlike = 5;

    // In order of precedence between equal scores. A trailing * stands for any ending.
    private static readonly (TalkIntent Intent, (string[] Words, double Weight)[] Cues)[] Table =
    [
        Of(TalkIntent.Goodbye, "goodbye 1.4, bye 1.4, that is all 1.3, that's all 1.3, that was all 1.3, will be all 1.3, is everything 1.3, nice day 1.2, good evening goodbye 0.5, see you soon 1.3, call you later 1.3, think about it 1.2"),
        Of(TalkIntent.Human, "human 1.3, real person 1.3, a person 1, robot 1.2, machine 1, operator 1.2, agent 1.2, colleague 1.2, manager 1.2, somebody 0.8, someone 0.8, complain* 1.3, complaint 1.3, talk to 0.4, speak to 0.4, put me through 1, connect me 1, call me back 1.2"),
        Of(TalkIntent.Repeat, "repeat* 1.3, say that again 1.3, that again 0.9, again 0.6, say it again 1.2, pardon 1.2, not understand 1, not catch 1, not hear 1, slowly 1, slower 1, did you say 1.2, once more 1.2"),
        Of(TalkIntent.Cancel, "cancel* 1.6, refund 1.2, money back 1.2, get back 1.3, cannot travel 1"),
        Of(TalkIntent.MissingNumber, "not have the number 1.6, not have my booking number 2.4, not have my number 1.6, cannot find 1, can't find 1, find the booking number 2, don't have 1, look for it 1"),
        Of(TalkIntent.Change, "chang* 1.2, move 1.1, moved 1, reschedul* 1.3, instead 0.8, week later 0.8, day earlier 0.8, later 0.3, different 0.6, add 0.6, another night 0.8, one more person 0.8, date is wrong 1, wrong date 1, the date 0.4, my booking 0.3, my reservation 0.3, postpone 1.2"),
        Of(TalkIntent.Price, "how much 1.2, cost* 1.1, price* 1.4, expensive 1, cheap* 1.2, discount* 1.2, euros 0.6, fee 0.8"),
        Of(TalkIntent.Pay, "pay 1.1, paying 1, payment 1.2, card 0.9, cards 0.9, cash 1, invoice 1.4"),
        Of(TalkIntent.Hours, "open 1.1, opening 1.1, opened 0.8, hours 0.9, hour 0.5, can i come 0.9, close today 0.8, office close 0.8, you close 1.1, closed 0.7, closing 1, what time 0.5, how late 0.6, work on 0.7, holidays 0.4, on the weekend 0.3"),
        Of(TalkIntent.Address, "address 1.5, located 1.3, location 1.2, where is 0.7, where are you 1.2, where exactly 0.9, street 1, parking 1.2, tram 0.9, your office 0.5, find you 1, find your 0.8, get to you* 1, visit you 1.2, in person 0.8, what floor 1.2"),
        Of(TalkIntent.Travel, "luggage 1.3, suitcase* 1.2, bag 0.9, passport* 1.4, visa* 1.3, insurance 1.4, dog 1.1, seat 1, wifi 1.2, airport 1, arrive 0.9, the flight leave 1.2, train leave 1.2, flight was late 1.3"),
        Of(TalkIntent.Trip, "included 1.2, includes 1, tell me more 1.4, tell me about 1.3, more about 0.9, offer 1, breakfast 1, meals 0.8, beach 1, swimming pool 1.3, pool 0.8, what trips 1.2, your trips 1.2"),
        Of(TalkIntent.Book, "book 1, book* 0.5, reserv* 0.6, a trip 0.5, flight 0.6, fly 0.7, hotel 0.5, room 0.5, travel 0.6, holiday 0.6, weekend 0.3, train 0.4, new booking 0.8, people 0.8, of us 0.8, adults 0.8, nights 0.8"),
        Of(TalkIntent.Wait, "stop 1, wait 1, hold on 1, interrupt* 1, enough 0.9, never mind 1, forget it 1, just a moment 1, one moment 1, one second 1"),
        Of(TalkIntent.Question, "question* 1.3, excuse me 0.8, help me 1.1, need help 1, some help 1, information 1, something else 0.9, one more thing 1, hear me 1, anybody there 1, anyone there 1"),
        Of(TalkIntent.No, "no 1, nope 1, not really 1, wrong 0.7, don't 0.5, not right 0.9"),
        Of(TalkIntent.Yes, "yes 1, yep 1, correct 1, that is right 1, exactly 0.8, sure 0.9, go ahead 1, okay 0.8, ok 0.8, please do 1, do it 0.8, do that 0.8, of course 0.9, sounds good 0.9, sounds perfect 0.9, would be great 0.9, all right 0.8, right 0.8, perfect 0.8, wonderful 0.8, excellent 0.8, great 0.8, uh-huh 0.8, mhm 0.8, aha 0.8, yeah 0.8, i would 0.3"),
        Of(TalkIntent.Thanks, "thank* 0.9, kind of you 0.9, helpful 0.9"),
        Of(TalkIntent.Hello, "hello 0.8, hi 0.8, name is 0.9, this is 0.8, good morning 0.8, good afternoon 0.8, good evening 0.8"),
    ];

    /// <returns>The intent, and 0–1 for how clearly it stands out; of <see cref="TalkIntent.Unknown"/>, how far everything else is from being meant.</returns>
    public static (TalkIntent Intent, double Confidence) Classify(string text)
    {
        var (intent, score, second) = Rank(TalkHeard.Words(text));

        // A strong cue without a rival comes to 0.75, several to 0.9; two that are as good as equal stay under a half.
        return intent == TalkIntent.Unknown ? (intent, 1 - (score / 2)) : (intent, score / (score + second + 0.4));
    }

    internal static TalkIntent Best(string[] words) => Rank(words).Intent;

    private static (TalkIntent Intent, double Score, double Second) Rank(string[] words)
    {
        var best = TalkIntent.Unknown;
        double most = 0;
        double second = 0;
        foreach (var (intent, cues) in Table)
        {
            double score = 0;
            foreach (var (cue, weight) in cues)
            {
                score += weight * Presence(cue, words);
            }

            if (score > most)
            {
                (best, most, second) = (intent, score, most);
            }
            else
            {
                second = Math.Max(second, score);
            }
        }

        return (most >= Enough ? best : TalkIntent.Unknown, most, second);
    }

    /// <summary>1 when the cue's words stand in a row, less when they only sound alike, 0 otherwise.</summary>
    private static double Presence(string[] cue, string[] words)
    {
        double presence = 0;
        for (int start = 0; start + cue.Length <= words.Length; start++)
        {
            double here = 1;
            for (int i = 0; i < cue.Length && here > 0; i++)
            {
                here *= Likeness(cue[i], words[start + i]);
            }

            presence = Math.Max(presence, here);
        }

        return presence;
    }

    private static double Likeness(string cue, string word)
    {
        if (cue[^1] == '*' ? word.StartsWith(cue.AsSpan(0, cue.Length - 1), StringComparison.Ordinal) : word == cue)
        {
            return 1;
        }

        bool comparable = cue.Length >= ShortestAlike && word.Length >= ShortestAlike && cue[^1] != '*';
        return comparable && Skeleton(cue) == Skeleton(word) ? AlikeShare : 0;
    }

    /// <summary>The first letter's sound and the consonants after it, voiced and unvoiced ones taken together, as a recogniser confuses them.</summary>
    private static string Skeleton(string word)
    {
        Span<char> sounds = stackalloc char[word.Length];
        int count = 0;
        foreach (char letter in word)
        {
            char sound = letter switch
            {
                'b' or 'p' => 'p',
                'd' or 't' => 't',
                'g' or 'k' or 'q' or 'c' => 'k',
                'v' or 'f' => 'f',
                's' or 'z' or 'x' => 's',
                'm' or 'n' => 'n',
                'l' or 'r' => letter,
                _ => count == 0 ? letter : '\0',
            };
            if (sound != '\0' && (count == 0 || sounds[count - 1] != sound))
            {
                sounds[count++] = sound;
            }
        }

        return new(sounds[..count]);
    }

    private static (TalkIntent, (string[], double)[]) Of(TalkIntent intent, string cues) =>
    (
        intent,
        [
            .. cues.Split(", ").Select(cue =>
            {
                int blank = cue.LastIndexOf(' ');
                return (cue[..blank].Split(' '), double.Parse(cue[(blank + 1)..], System.Globalization.CultureInfo.InvariantCulture));
            }),
        ]
    );
}
