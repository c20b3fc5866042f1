/** A program of Java that has a class of a jar loaded: it waits until its input ends. */
public class Waiting {
    public static void main(String[] words) throws Exception {
        Class.forName(words[0], false, Waiting.class.getClassLoader());
        System.out.println("ready");
        while (System.in.read() >= 0) {}
    }
}
